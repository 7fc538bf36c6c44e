"""The docs are true: their commands run as written, their links lead somewhere, and nothing is left out."""

from __future__ import annotations

import doctest
import itertools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click
import msgspec
import pytest
from autoship.cli import COMMANDS, main
from autoship.configuration import SETTINGS
from autoship.domain.prediction import Reason
from autoship.domain.record import parse_record
from autoship.replay.calibration import Bin
from autoship.replay.curves import CoveragePoint, Stretch
from autoship.replay.summary import BadLine, Customer, Reading, Score, Summary, Times, Window
from autoship.web.metrics import METRICS
from autoship.web.problems import STATUSES

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/*.md"), *ROOT.glob("packages/*/*.md")]
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ADDRESS = "127.0.0.1:8000"
ANYTHING = "…"
TOLERANCE = 0.05


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


class Block(NamedTuple):
    kind: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(*found) for found in BLOCK.findall(page.read_text())]


def runnable(page: Path) -> bool:
    return any(block.kind in ("console", "pycon", "python") for block in blocks(page))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = [link.partition("#")[0] for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []


def test_every_page_is_reached_from_the_first() -> None:
    reached, front = set(), [ROOT / "README.md"]
    while front:
        page = front.pop()
        reached.add(page)
        links = [(page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(page.read_text())]
        front += [link for link in links if link.suffix == ".md" and link.exists() and link not in reached]
    assert [name(page) for page in PAGES if page.is_relative_to(ROOT / "docs") and page not in reached] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_make_verb_that_is_named_exists(page: Path) -> None:
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ |^)make ([a-z-]+)", page.read_text(), re.MULTILINE)) <= verbs


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)], ids=name)
def test_commands_and_code_do_what_the_page_shows(page: Path, reader: Reader) -> None:
    for block in blocks(page):
        if block.kind == "console":
            reader.console(block.text)
        elif block.kind in ("pycon", "python"):
            reader.python(block)


def test_the_records_in_the_reference_are_records() -> None:
    examples = [block.text for block in blocks(ROOT / "docs/reference/record.md") if block.kind == "json"]
    assert examples
    for text in examples:
        parse_record(msgspec.json.decode(text))


class Reader:
    """Somebody who follows a page from top to bottom, in an empty folder with the repository's data beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers: list[subprocess.Popen[str]] = []
        self._address = ADDRESS
        self._names: dict[str, object] = {"__name__": "__main__"}
        bin_, curl = Path(sys.executable).parent, [] if shutil.which("curl") else [Path(__file__).parent / "stand_ins"]
        path = os.pathsep.join(str(each) for each in [bin_, *curl, os.environ["PATH"]])
        kept = {key: value for key, value in os.environ.items() if not key.startswith("AUTOSHIP_")}
        self._environment = {**kept, "PATH": path, "COLUMNS": "120"}

    def console(self, text: str) -> None:
        """Runs each ``$ command`` of a block and compares what it prints with the lines after it."""
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, expected = command_and_output(part)
            words = shlex.split(command, comments=True)
            settings = dict(itertools.takewhile(lambda word: len(word) == 2, (word.split("=", 1) for word in words)))
            words = words[len(settings) :]
            if words[:2] == ["autoship", "serve"]:
                self._serve(words, settings, expected)
            elif words[0] not in ("cd", "git", "make", "pip"):
                self._run(command, expected)

    def python(self, block: Block) -> None:
        """Runs code; of a session with prompts, compares what it prints, too."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self._folder)
            if block.kind == "python":
                exec(compile(block.text.replace(ADDRESS, self._address), "docs", "exec"), self._names)
                return
            example = doctest.DocTestParser().get_doctest(
                block.text.replace(ANYTHING, "...").replace(ADDRESS, self._address), self._names, "docs", "docs", 0
            )
            printed: list[str] = []
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
            failed, _ = runner.run(example, out=printed.append, clear_globs=False)
            self._names = example.globs
            assert not failed, "".join(printed)

    def _serve(self, words: list[str], settings: dict[str, str], expected: str) -> None:
        self.close()
        self._servers.append(
            subprocess.Popen(
                [*words, "--port", "0"],
                cwd=self._folder,
                env={**self._environment, **settings},
                stdout=subprocess.PIPE,
                text=True,
                executable=str(Path(sys.executable).parent / words[0]),
            )
        )
        out = self._servers[-1].stdout
        assert out is not None
        printed = next((line for line in out if "http://" in line), "")
        found = re.search(r"http://([\w.]+:\d+)", printed)
        assert found, f"`{shlex.join(words)}` printed no address"
        self._address = found.group(1)
        if expected:
            assert same_text(expected, printed.replace(self._address, ADDRESS)), printed

    def _run(self, command: str, expected: str) -> None:
        done = subprocess.run(
            ["bash", "-c", command.replace(ADDRESS, self._address)],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        printed = done.stdout.replace(self._address, ADDRESS)
        assert same(expected, printed), f"{command}\nprinted\n{printed}\nand not\n{expected}"

    def close(self) -> None:
        for server in self._servers:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=30)
        self._servers.clear()


def command_and_output(text: str) -> tuple[str, str]:
    """Splits after the first line at which all quotes are closed and no backslash asks for more."""
    lines = text.splitlines()
    for length in range(1, len(lines) + 1):
        command = "\n".join(lines[:length])
        try:
            shlex.split(command, comments=True)
        except ValueError:
            continue
        if not command.endswith("\\"):
            return command, "\n".join(lines[length:]).strip()
    raise AssertionError(f"no end of the command: {text}")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    (tmp_path / "data").symlink_to(ROOT / "data")
    reader = Reader(tmp_path)
    yield reader
    reader.close()


def same(expected: str, printed: str) -> bool:
    """Whether a command printed what a page shows. A page that shows nothing makes no claim; ``…`` is anything."""
    if not expected:
        return True
    try:
        return same_json(msgspec.json.decode(expected), msgspec.json.decode(printed))
    except msgspec.DecodeError:
        return same_text(expected, printed)


def same_text(expected: str, printed: str) -> bool:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(expected.replace(ANYTHING, "...") + "\n", printed, flags)


def same_json(expected: object, printed: object) -> bool:
    """JSON is compared by its values: ``"…"`` is any value, and any more of them; fractions may differ."""
    if expected == ANYTHING:
        return True
    if isinstance(expected, dict) and isinstance(printed, dict):
        named = expected.keys() - {ANYTHING}
        whole = named == printed.keys() or (ANYTHING in expected and named <= printed.keys())
        return whole and all(same_json(expected[key], printed[key]) for key in named)
    if isinstance(expected, list) and isinstance(printed, list):
        if expected and expected[-1] == ANYTHING:
            expected, printed = expected[:-1], printed[: len(expected) - 1]
        return len(expected) == len(printed) and all(map(same_json, expected, printed))
    if isinstance(expected, float) and isinstance(printed, float):
        return abs(expected - printed) <= TOLERANCE
    return expected == printed


@pytest.mark.parametrize(
    ("expected", "printed", "verdict"),
    [
        ("", "whatever", True),
        ('{"a": 1}', '{"a": 2}', False),
        ('{"a": "…"}', '{"a": [3]}', True),
        ('{"a": 1}', '{"a": 1, "b": 2}', False),
        ('{"a": 1, "…": "…"}', '{"a": 1, "b": 2}', True),
        ('[1, "…"]', "[1, 2, 3]", True),
        ('{"a": 0.97}', '{"a": 0.9712}', True),
        ("took … s", "took 3.1 s\n", True),
        ("took … s", "failed\n", False),
    ],
)
def test_a_page_is_compared_by_what_it_claims(expected: str, printed: str, verdict: bool) -> None:
    assert same(expected, printed) is verdict


def test_the_replay_report_is_documented_field_by_field() -> None:
    page = BLOCK.sub("", (ROOT / "docs/reference/replay.md").read_text())
    told = {word for span in re.findall(r"`([^`]+)`", page) for word in re.findall(r"\w+", span)}
    structs = (Summary, Reading, BadLine, Window, Score, Customer, Times, Stretch, CoveragePoint, Bin)
    assert {field for struct in structs for field in struct.__struct_fields__} - told == set()


def test_every_flag_and_variable_is_documented_with_its_default() -> None:
    page = (ROOT / "docs/reference/configuration.md").read_text()
    rows = re.findall(r"^\| (?:`(--[\w-]+)`|none) \| `(AUTOSHIP_\w+)` \| (?:`([^`]*)`|none) \|", page, re.MULTILINE)
    assert set(rows) == {(setting.flag or "", setting.variable, setting.default) for setting in SETTINGS}


def test_every_metric_is_documented_with_its_labels_and_nothing_else_is() -> None:
    page = (ROOT / "docs/reference/metrics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", page, re.MULTILINE)
    assert {(name, kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows} == {
        (metric.name, metric.kind, metric.labels) for metric in METRICS
    }
    pages = [page.read_text() for page in (ROOT / "docs").glob("**/*.md")]
    used = {name for text in pages for name in re.findall(r"\bautoship_\w+", text)}
    real = {metric.name for metric in METRICS}
    assert {re.sub(r"_(bucket|sum|count)$", "", name) for name in used} <= real


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_is_documented_with_its_flags(command: str) -> None:
    heading = re.search(
        rf"^## `autoship {command} (.*)`$", (ROOT / "docs/reference/configuration.md").read_text(), re.M
    )
    assert heading is not None
    found = main.get_command(click.Context(main), command)
    assert found is not None
    flags = {flag for option in found.params for flag in option.opts if flag.startswith("--")}
    assert set(re.findall(r"--[\w-]+", heading.group(1))) == flags


def test_every_call_has_a_curl_line() -> None:
    page = (ROOT / "docs/reference/http.md").read_text()
    called = {urlsplit(url).path for url in re.findall(r"curl -s (?:-X \w+ )?'?(http[^\s']+)", page)}
    source = (ROOT / "packages/autoship/src/autoship/web/application.py").read_text()
    routes = [re.sub(r"\{.*\}", "[^/]+", path) for path in re.findall(r'"(/[\w/{}:]+)"', source)]
    assert len(routes) >= 6
    assert [route for route in routes if not any(re.fullmatch(route, path) for path in called)] == []


def test_every_reason_and_problem_is_documented() -> None:
    page = (ROOT / "docs/reference/http.md").read_text()
    assert [reason for reason in Reason if f"| `{reason}` |" not in page] == []
    assert [name for _, _, name, _ in STATUSES if f"`urn:autoship:problem:{name}`" not in page] == []
