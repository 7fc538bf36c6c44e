"""What tests share: coroutines run as tests, and a Docker Engine with the images of this very source."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
from collections.abc import Iterator

import pytest
from flotilla.images import Target, build_argv, context, image_name
from flotilla.lab import Lab, down


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a coroutine as a test, on a loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(scope="session")
def docker() -> None:
    """A Docker Engine answers; without one a test is skipped, but not in CI."""
    try:
        subprocess.run(["docker", "version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        if os.environ.get("CI"):
            raise
        pytest.skip("no Docker Engine answers: make test brings one, where it may")


def _build(target: Target) -> str:
    done = subprocess.run(build_argv(target), input=context(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return image_name(target)


@pytest.fixture(scope="session")
def gateway_image(docker: None) -> str:
    """The gateway's image: HAProxy, Serf and the gateway program."""
    return _build(Target.GATEWAY)


@pytest.fixture(scope="session")
def agent_image(docker: None) -> str:
    """The agent's image: Serf and the agent."""
    return _build(Target.AGENT)


@pytest.fixture(scope="session")
def lab(docker: None, pytestconfig: pytest.Config) -> Iterator[Lab]:
    """A lab of three hosts and a gateway, bare machines at first, shared by the whole session: what a test changes in
    it, it puts back."""
    directory = pytestconfig.rootpath / "build" / "lab-of-tests"
    down(directory)
    made = Lab.up(directory, hosts=3, gateways=1)
    yield made
    down(directory)
