"""The replies that many calls have in common. The examples of problems are made by what makes the problems."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from autoship.errors import (
    HistoryUnavailable,
    HistoryUnusable,
    InputTooLarge,
    InvalidInput,
    Stopping,
    TooSlow,
    Unauthorized,
)
from autoship.web.body import TOO_SLOW, encoded
from autoship.web.drain import STOPPING
from autoship.web.guard import WANTED
from autoship.web.openapi.operation import JSON, PROBLEM, Form, Header, Reply, Schema
from autoship.web.openapi.schemas import ref
from autoship.web.problems import RETRY_AFTER_S, Problem, problem_of, problem_of_status

RETRY = {"Retry-After": Header({"type": "integer", "const": RETRY_AFTER_S}, "In so many seconds, try again.")}


def answered(
    description: str, schema: Schema, *, links: dict[str, dict[str, str]] | None = None, **examples: Any
) -> Reply:
    """200, in JSON."""
    return Reply(200, description, (Form(JSON, schema, examples),), links=links or {})


def invalid(field: str | None, problem: str) -> Reply:
    """What was sent cannot be used; the example says why."""
    description = "What was sent cannot be used. `field` is the dotted path to what is wrong, where there is one."
    return refused(description, problem_of(InvalidInput(field, problem)))


def too_large(field: str | None, problem: str) -> Reply:
    """More was sent than is taken in at once."""
    description = "More than is taken in at once. The rest of the body is not read."
    return refused(description, problem_of(InputTooLarge(field, problem)))


def stranger(detail: str) -> Reply:
    """Nothing is known of what the path names."""
    return refused("Nothing is known of it.", problem_of_status(HTTPStatus.NOT_FOUND, detail))


def unauthorized() -> Reply:
    """The service has a token, and it was not shown."""
    return refused(
        "Where the service has a token: without it, or with a wrong one.",
        problem_of(Unauthorized(WANTED)),
        headers={"WWW-Authenticate": Header({"type": "string"}, "How to show it.")},
    )


def not_plain() -> Reply:
    """The body was not sent as it is."""
    description = "The body is compressed, or the request offers to go on in another protocol."
    return refused(description, problem_of(encoded(b"content-encoding", b"gzip")))


def too_slow() -> Reply:
    """The body did not come in time."""
    return refused("The request did not arrive in time.", problem_of(TooSlow(TOO_SLOW)))


def stopping() -> Reply:
    """The service is told to stop, and could not wait for this."""
    description = "The service is being stopped, and this took too long. What was kept stays."
    return refused(description, problem_of(Stopping(STOPPING)), headers=RETRY)


def history_away() -> Reply:
    """The history is needed, and cannot be had."""
    return refused(
        "The history is needed and cannot be had: not now, or not until somebody mends it. Or the service is being "
        "stopped, and this took too long.",
        problem_of(HistoryUnavailable("autoship.db: the disk is full")),
        problem_of(HistoryUnusable("autoship.db: the file is damaged: put a backup in its place")),
        problem_of(Stopping(STOPPING)),
        headers=RETRY,
    )


def refused(description: str, *problems: Problem, headers: dict[str, Header] | None = None) -> Reply:
    """One status, with a problem of these kinds."""
    status = problems[0].status
    kinds = {"type": {"enum": [problem.type for problem in problems]}, "status": {"const": status}}
    examples = {_name(problem): msgspec.to_builtins(problem) for problem in problems}
    form = Form(PROBLEM, {"allOf": [ref("Problem"), {"properties": kinds}]}, examples)
    return Reply(status, description, (form,), headers or {})


def _name(problem: Problem) -> str:
    kind = problem.type.rpartition(":")[2]
    return kind if problem.type.startswith("urn:") else problem.title.lower().replace(" ", "-")
