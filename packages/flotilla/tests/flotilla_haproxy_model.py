"""What HAProxy does with the commands that the gateway sends, as far as it was measured with 3.0.11: its answers are
the texts of the runtime API. Anything else that it is told is an error of the test."""

from __future__ import annotations

from dataclasses import dataclass, field

from flotilla.gateway.configuration import Configuration, ServerKey, described
from flotilla.gateway.running import Running, questions, running

HEADER = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port"
)
FORCED_MAINT, CONFIG_MAINT, FORCED_DRAIN = 1, 4, 8


@dataclass
class ModelServer:
    address: str
    port: int
    weight: int
    checked: bool
    number: int
    admin: int = 0
    up: bool = True
    sessions: int = 0
    added: bool = False

    @property
    def takes(self) -> bool:
        """Whether it gets new requests."""
        return not self.admin & (FORCED_MAINT | FORCED_DRAIN) and self.up and self.weight > 0


@dataclass
class ModelHaproxy:
    """``installed`` is the file, which a start or reload reads; ``old_sessions`` are those that an old worker ends."""

    installed: Configuration
    servers: dict[ServerKey, ModelServer] = field(default_factory=dict)
    structure: str = ""
    uptime_s: int = 0

    def start(self) -> None:
        """Starts, or reloads: everything is as the file says, every server up, no connection carried over."""
        self.structure, self.uptime_s, self.servers = self.installed.structure, 0, {}
        for number, (key, wanted) in enumerate(self.installed.servers.items(), 1):
            self.servers[key] = ModelServer(
                wanted.address, wanted.port, wanted.weight, wanted.checked, number,
                admin=0 if wanted.enabled else FORCED_MAINT | CONFIG_MAINT,
            )  # fmt: skip

    def run(self, command: str) -> str:
        words = command.split(" ")
        backend, _, name = words[2].partition("/")
        key = (backend, name)
        if words[:2] == ["add", "server"]:
            return self._add(key, words)
        server = self.servers.get(key)
        if server is None:
            return "No such server."
        if words[:2] == ["del", "server"]:
            if not server.admin & FORCED_MAINT:
                return "Only servers in maintenance mode can be deleted."
            if server.sessions:
                return "Server still has connections attached to it, cannot remove it."
            del self.servers[key]
            return "Server deleted."
        if words[:2] == ["enable", "health"]:
            server.checked = True
            return ""
        assert words[:2] == ["set", "server"], command
        self._set(server, words[3], words[4])
        return ""

    def _add(self, key: ServerKey, words: list[str]) -> str:
        if key in self.servers:
            return "Already exists a server with the same name in backend."
        assert "tcp-ut" not in words
        number = int(words[words.index("id") + 1])
        assert number not in {each.number for name, each in self.servers.items() if name[0] == key[0]}
        address, _, port = words[3].rpartition(":")
        self.servers[key] = ModelServer(
            address.strip("[]"), int(port), int(words[words.index("weight") + 1]), False, number,
            admin=FORCED_MAINT, added=True,
        )  # fmt: skip
        return "New server registered."

    def _set(self, server: ModelServer, what: str, value: str) -> None:
        if what == "weight":
            server.weight = int(value)
        elif what == "health":
            assert value == "down"
            assert server.checked
            server.up = server.up and bool(server.admin & FORCED_MAINT)  # in maintenance it is forgotten
        elif value == "ready":
            if server.admin & FORCED_MAINT:
                server.up = True
            server.admin &= ~(FORCED_MAINT | FORCED_DRAIN)
        elif value == "drain":
            server.admin = server.admin & ~FORCED_MAINT | FORCED_DRAIN
        else:
            assert value == "maint"
            server.admin |= FORCED_MAINT

    def info(self) -> str:
        return (
            f"Name: HAProxy\nVersion: 3.0.11\nUptime_sec: {self.uptime_s}\ndescription: {described(self.structure)}\n"
        )

    def state(self) -> str:
        rows = [
            f"3 {backend} {each.number} {name} {each.address} {2 if each.up else 0} {each.admin} {each.weight} 1 "
            f"{self.uptime_s} 6 3 4 {6 if each.checked else 2} 0 0 {int(each.added)} - {each.port} - 0 0 - - 0"
            for (backend, name), each in self.servers.items()
        ]
        return "\n".join(["1", f"# {HEADER}", *rows, "", ""])

    def stat(self) -> str:
        rows = [f"{key[0]},{key[1]},0,0,{each.sessions},9,,9,0,0,UP" for key, each in self.servers.items()]
        return "\n".join(["# pxname,svname,qcur,qmax,scur,smax,slim", *rows, ""])

    def running(self) -> Running:
        """What it says, read as the gateway reads it."""
        first = running(self.info(), self.state())
        return running(self.info(), self.state(), self.stat()) if questions(first) else first

    def taking(self) -> dict[ServerKey, int]:
        """The servers in rotation, whatever their checks say, with their weights."""
        return {
            key: each.weight for key, each in self.servers.items() if not each.admin & (FORCED_MAINT | FORCED_DRAIN)
        }
