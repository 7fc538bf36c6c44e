"""The line of a shell that makes a call as its example does."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from autoship.web.openapi.layout import layout

ADDRESS = "http://127.0.0.1:8000"


def curl_lines(method: str, path: str, call: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A line for each example of a call's body, by the example's name; one where there is no body."""
    url = shlex.quote(ADDRESS + _target(path, call.get("parameters", ())))
    bodies = call.get("requestBody", {}).get("content", {})
    usual = "POST" if bodies else "GET"
    command = ["curl", "-s", url] if method == usual else ["curl", "-s", "-X", method, url]
    if not bodies:
        yield "", " ".join(command)
    for form in bodies.values():
        for name, example in form["examples"].items():
            yield name, " ".join([*command, _data(example["value"])])


def _target(path: str, parameters: Any) -> str:
    """The path and the query of the example."""
    query = {}
    for parameter in parameters:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(parameter["example"], safe=""))
        elif parameter["in"] == "query" and "example" in parameter:
            query[parameter["name"]] = parameter["example"]
    return f"{path}?{urlencode(query)}" if query else path


def _data(value: Any) -> str:
    if isinstance(value, str):
        return f"--data-binary {shlex.quote(value)}"
    return f"-d {shlex.quote(layout(value))}"
