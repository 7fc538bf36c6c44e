"""Searches for bytes that break a rule of ``fuzz_targets``, led by what they reach of the code.

Gives each way in its share of the time, in a process of its own, and ends with 1 where something was found. What was
reached is kept in build/fuzz/ and taken up by the next search; what was found lies there too, to become a test.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "fuzz"
LONGEST_INPUT = 16_384
LONGEST_RUN_S = 10
MOST_MEMORY_MB = 1_024

sys.path.insert(0, str(ROOT / "packages" / "autoship" / "tests"))


@click.command()
@click.option("--seconds", default=300, show_default=True, help="For all targets together.")
@click.option("--target", "chosen", metavar="NAME", help="Only this one.")
@click.argument("inputs", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(seconds: int, chosen: str | None, inputs: tuple[Path, ...]) -> None:
    """Search, or run INPUTS alone, on the one target that is named."""
    targets = import_module("fuzz_targets").TARGETS
    if chosen is not None and chosen not in targets:
        raise click.BadParameter(f"is one of {', '.join(targets)}", param_hint="--target")
    if inputs:
        if chosen is None:
            raise click.UsageError("name the --target that the inputs are for")
        for path in inputs:
            targets[chosen](path.read_bytes())
        return
    names = [chosen] if chosen else list(targets)
    found = [name for name in names if not _searched(name, max(1, seconds // len(names)))]
    if found:
        raise click.ClickException(f"{', '.join(found)}: the input is in {BUILD / 'found'}")
    click.echo(f"nothing found in {', '.join(names)}")


def _searched(name: str, seconds: int) -> bool:
    """Whether a search that lasted so long found nothing."""
    click.echo(f"--- {name}, {seconds} s")
    code = f"import fuzz; fuzz.search({name!r}, {seconds})"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT / "scripts", check=False).returncode == 0


def search(name: str, seconds: int) -> None:
    """Searches in this process, which ends with it."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["autoship"]):
        ways = import_module("fuzz_targets")

    corpus, found = BUILD / "corpus" / name, BUILD / "found"
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(ways.seeds()[name]):
        (corpus / f"seed-{number:02}").write_bytes(seed)
    flags = {
        "max_total_time": seconds,
        "max_len": LONGEST_INPUT,
        "timeout": LONGEST_RUN_S,
        "rss_limit_mb": MOST_MEMORY_MB,
        "artifact_prefix": f"{found}/{name}-",
        "print_final_stats": 1,
        "verbosity": 0,
    }
    atheris.Setup(["fuzz", *(f"-{flag}={value}" for flag, value in flags.items()), str(corpus)], ways.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
