"""A small HTTP service on the standard library, as a fleet wants one: it says when it is ready, and stops in order."""

import base64
import hashlib
import json
import os
import signal
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NAME, VERSION, COPY = "hello-python", os.environ.get("VERSION", "unknown"), socket.gethostname()
PREFIX = os.environ.get("PREFIX", "").rstrip("/")  # of the paths that come to it, such as /python
MOST_BODY = 1 << 20
QUIET_S = 0.5  # stops once nothing was asked for so long,
LINGER_S = 5.0  # or so long after it was told to
FINISH_S = float(os.environ.get("FINISH_S", "20"))  # what is in flight then has so long to end
WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3


def secret(name: str) -> str:
    """A secret's text, from the file that ``NAME_FILE`` points to."""
    path = os.environ.get(f"{name}_FILE")
    return Path(path).read_text().rstrip("\n") if path else ""


TOKEN = secret("TOKEN")


class State:
    """Whether it is ready or stopping, what is in flight, and when something was last asked."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.ready = self.stopping = False
        self.in_flight = 0
        self.asked = time.monotonic()

    def begin(self) -> None:
        with self.changed:
            self.in_flight += 1
            self.asked = time.monotonic()

    def end(self) -> None:
        with self.changed:
            self.in_flight -= 1
            self.changed.notify_all()


state = State()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024  # head and body go in one segment

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].removeprefix(PREFIX) or "/"
        if path == "/healthz":
            well = state.ready and not state.stopping
            self.say(200 if well else 503, {"ready": well})
            return
        state.begin()
        try:
            if path == "/" and self.command == "GET":
                self.say(200, {"service": NAME, "version": VERSION, "copy": COPY})
            elif path == "/echo" and self.command == "POST":
                self.echo()
            elif path == "/stream" and self.command == "GET":
                self.stream()
            elif path == "/private" and self.command == "GET":
                right = TOKEN and self.headers.get("Authorization") == f"Bearer {TOKEN}"
                self.say(200 if right else 401, {"private": bool(right)})
            elif path == "/ws" and self.headers.get("Upgrade", "").lower() == "websocket":
                self.websocket()
            else:
                self.say(404, {"error": f"no {self.command} of {path} here"})
        finally:
            state.end()

    def do_POST(self) -> None:
        self.do_GET()

    def say(self, status: int, content: object) -> None:
        self.send(status, "application/json", json.dumps(content).encode() + b"\n")

    def send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if state.stopping or (self.command == "POST" and status != 200):
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def echo(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.say(411, {"error": "a Content-Length is needed"})
        elif int(length) > MOST_BODY:
            for _ in range(int(length) // MOST_BODY):  # what is not read would make the answer a reset connection
                self.rfile.read(MOST_BODY)
            self.rfile.read(int(length) % MOST_BODY)
            self.say(413, {"error": f"at most {MOST_BODY} bytes"})
        else:
            self.send(200, self.headers.get("Content-Type", "text/plain"), self.rfile.read(int(length)))

    def stream(self) -> None:
        """Ten lines, one each 100 ms, as chunks."""
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(10):
            line = f"line {number} of {NAME} {VERSION}\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.flush()
            time.sleep(0.1)
        self.wfile.write(b"0\r\n\r\n")

    def websocket(self) -> None:
        """Sends each message back, until the other side closes (RFC 6455; whole messages of less than 64 KiB)."""
        key = self.headers.get("Sec-WebSocket-Key", "") + WEBSOCKET
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        self.wfile.flush()
        while len(head := self.rfile.read(2)) == 2:
            kind, size = head[0] & 15, head[1] & 127
            if size == 126:
                (size,) = struct.unpack(">H", self.rfile.read(2))
            if size == 127 or not head[0] & 128 or not head[1] & 128 or kind not in (1, 2, 8, 9):
                self.wfile.write(b"\x88\x02" + struct.pack(">H", 1003))
                return
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(size)))
            back = {9: 10}.get(kind, kind)
            long = struct.pack(">BBH", 128 | back, 126, size) if size > 125 else struct.pack("BB", 128 | back, size)
            self.wfile.write(long + data)
            self.wfile.flush()
            if kind == 8:
                return

    def log_message(self, text: str, *values: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512


def main() -> None:
    server = Server(("0.0.0.0", int(os.environ.get("PORT", "8000"))), Handler)
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)  # in all threads: only sigwait, below, sees them
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.ready = True
    print(f"{NAME} {VERSION} is ready", flush=True)
    signal.sigwait(stops)

    # Health says 503 from now on, and those who ask go elsewhere; what still comes is answered, until nothing comes.
    state.stopping, state.asked = True, time.monotonic()
    linger = time.monotonic() + LINGER_S
    while time.monotonic() < min(linger, state.asked + QUIET_S):
        time.sleep(0.05)
    server.shutdown()
    server.server_close()
    with state.changed:
        finished = state.changed.wait_for(lambda: state.in_flight == 0, FINISH_S)
    print(f"{NAME} {VERSION} has stopped" + ("" if finished else f" with {state.in_flight} in flight"), flush=True)
    raise SystemExit(0 if finished else 1)


if __name__ == "__main__":
    main()
