"""A fleet under load survives what happens to fleets: no request is lost but those that a fault's entry names.

``make test-faults`` makes all faults, ``make test`` a few of them, which the commit chooses.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from flotilla.lab import Lab, down
from flotilla_faults import FAULTS
from flotilla_load import under_load
from flotilla_stage import Stage

SAMPLE = 4


def chosen_by_the_commit() -> set[str]:
    """The faults of the sample, others with each commit."""
    git = ("git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD")
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout
    return set(sorted(FAULTS, key=lambda name: hashlib.sha256(f"{commit}{name}".encode()).digest())[:SAMPLE])


@pytest.fixture(scope="module")
def stage(docker: None, pytestconfig: pytest.Config) -> Iterator[Stage]:
    """Three hosts with four copies each, behind two gateways."""
    directory = pytestconfig.rootpath / "build" / "lab-of-faults"
    down(directory)
    shutil.rmtree(directory, ignore_errors=True)
    made = Stage(Lab.up(directory, hosts=3, gateways=2))
    made.prepare()
    yield made
    down(directory)


def survives(stage: Stage, name: str) -> None:
    """Makes a fault under load, and judges what came of every request."""
    fault = FAULTS[name]
    stage.lab.restore()
    stage.wait_whole()
    with under_load(stage.load()) as running:
        running.go_on(2)
        fault.act(stage, running)
        stage.lab.restore()
        stage.wait_whole()
        running.go_on(2)
    wrong = fault.judge(running.result)
    assert not wrong, f"{name}: {'; '.join(wrong)}\n{running.result.text()}\n{stage.told()}"


@pytest.mark.parametrize("name", sorted(chosen_by_the_commit()))
def test_a_fault_that_the_commit_chose_costs_no_more_than_its_entry_says(stage: Stage, name: str) -> None:
    survives(stage, name)


@pytest.mark.faults
@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_fault_costs_no_more_than_its_entry_says(stage: Stage, name: str) -> None:
    survives(stage, name)
