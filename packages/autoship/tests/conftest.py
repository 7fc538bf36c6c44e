"""What tests share: coroutines run as tests, and the history that a rule is tested on, one after the other."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from autoship.adapters.memory import MemoryHistory
from autoship.adapters.sqlite import SqliteHistory
from autoship.ports import History, Retention
from history_maker import MakeHistory


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a coroutine as a test, on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(params=["memory", "sqlite"])
def make_history(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeHistory]:
    """Makes a history with a retention; it is closed after the test."""
    made: list[History] = []

    def make(retention: Retention | None = None) -> History:
        if request.param == "memory":
            history: History = MemoryHistory(retention)
        else:
            history = SqliteHistory(tmp_path / f"{len(made)}.db", retention=retention)
        made.append(history)
        return history

    yield make
    for history in made:
        asyncio.run(history.close())


@pytest.fixture
def history(make_history: MakeHistory) -> History:
    return make_history()
