"""The page at ``/docs``: the OpenAPI document for people. No script, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from autoship.report.markup import Markup, element, fragment
from autoship.web.openapi.curl import curl_lines
from autoship.web.openapi.layout import layout
from autoship.web.openapi.style import STYLE
from autoship.web.openapi.words import inline, kind, prose

TITLE = "The API of autoship"
MAY_BREAK = "\u200b"
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Part: TypeAlias = dict[str, Any]


def page(document: Part) -> str:
    """The whole page."""
    calls = list(_calls(document))
    body = element(
        "body",
        element("a", "To the calls", href="#calls", class_="skip"),
        element(
            "header",
            element("h1", TITLE),
            prose(document["info"]["description"]),
            element("p", "For programs: ", element("a", "openapi.json", href="/openapi.json"), "."),
        ),
        element("nav", _contents(document, calls), aria_label="Calls and shapes"),
        element(
            "main",
            [_tag(tag["name"], calls) for tag in document["tags"]],
            element("h2", "Shapes", id="shapes"),
            [_shape(name, schema) for name, schema in document["components"]["schemas"].items()],
            id="calls",
        ),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", TITLE),
        element("style", Markup(STYLE)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _calls(document: Part) -> Iterator[tuple[str, str, Part]]:
    """Each operation's method, path and description."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def _contents(document: Part, calls: Iterable[tuple[str, str, Part]]) -> Markup:
    links = [
        element("li", element("a", _name(method, path.replace("/", f"/{MAY_BREAK}")), href=f"#{call['operationId']}"))
        for method, path, call in calls
    ]
    shapes = [element("li", element("a", name, href=f"#{name}")) for name in document["components"]["schemas"]]
    return fragment(element("ul", links), element("details", element("summary", "Shapes"), element("ul", shapes)))


def _name(method: str, path: str) -> Markup:
    return fragment(element("b", method), " ", element("code", path))


def _tag(tag: str, calls: Iterable[tuple[str, str, Part]]) -> Markup:
    return fragment(element("h2", tag), [_call(*one) for one in calls if one[2]["tags"] == [tag]])


def _call(method: str, path: str, call: Part) -> Markup:
    anchor = call["operationId"]
    lines = list(curl_lines(method, path, call))
    return element(
        "section",
        element("h3", element("a", _name(method, path), href=f"#{anchor}")),
        element("p", call["summary"], class_="lede"),
        prose(call["description"]),
        _parameters(call.get("parameters", [])),
        _body(call.get("requestBody", {})),
        _examples(lines),
        element("h4", "Answers"),
        [_reply(status, reply) for status, reply in call["responses"].items()],
        id=anchor,
    )


def _parameters(parameters: list[Part]) -> Markup | None:
    if not parameters:
        return None
    rows = [
        _row(one["name"], kind(one["schema"]), one["description"], f"in the {one['in']}", one["required"])
        for one in parameters
    ]
    return fragment(element("h4", "Parameters"), element("dl", rows))


def _body(body: Part) -> Markup | None:
    if not body:
        return None
    forms = {media_type: form["schema"] for media_type, form in body["content"].items()}
    rows = [_row(name, kind(schema), schema.get("description", "")) for name, schema in forms.items()]
    return fragment(element("h4", "Body"), element("dl", rows))


def _reply(status: str, reply: Part) -> Markup:
    forms = [
        fragment(
            element("p", element("code", media_type), ": ", kind(form["schema"])),
            _examples([(name, _text(example["value"])) for name, example in form.get("examples", {}).items()]),
        )
        for media_type, form in reply.get("content", {}).items()
    ]
    headers = [_row(name, kind(one["schema"]), one["description"]) for name, one in reply.get("headers", {}).items()]
    told = fragment(element("b", status), " ", inline(reply["description"]))
    if not forms and not headers:
        return element("p", told)
    opened = "" if status.startswith("2") else None
    return element("details", element("summary", told), element("dl", headers) if headers else None, forms, open=opened)


def _shape(name: str, schema: Part) -> Markup:
    required = schema.get("required", ())
    rows = [
        _row(field, kind(one), one.get("description", ""), required=field in required)
        for field, one in schema.get("properties", {}).items()
    ]
    about = schema.get("description")
    return element(
        "section",
        element("h3", element("a", element("code", name), href=f"#{name}")),
        prose(about) if about else None,
        element("dl", rows) if rows else element("p", kind(schema)),
        element("p", "No other fields.") if schema.get("additionalProperties") is False else None,
        id=name,
    )


def _row(name: str, values: Markup, about: str, place: str = "", required: bool = False) -> Markup:
    notes = ", ".join(note for note in (place, "required" if required else "") if note)
    return fragment(
        element("dt", element("code", name), element("span", f" {notes}", class_="note") if notes else None),
        element("dd", element("p", values, class_="kind"), element("p", inline(about)) if about else None),
    )


def _examples(examples: list[tuple[str, str]]) -> Markup:
    figures = [
        element(
            "figure",
            element("figcaption", f"Example: {name.replace('-', ' ')}" if len(examples) > 1 else "Example"),
            element("pre", text, tabindex="0"),
        )
        for name, text in examples
    ]
    return fragment(figures)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else layout(value)
