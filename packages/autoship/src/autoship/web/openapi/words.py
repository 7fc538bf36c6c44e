"""A schema in words, for people: which kind of value, and within which bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from autoship.report.markup import Markup, element, fragment
from autoship.web.openapi.operation import Schema


def prose(text: str) -> Markup:
    """Paragraphs, with code between backticks."""
    return fragment([element("p", inline(paragraph)) for paragraph in text.split("\n\n")])


def inline(text: str) -> Markup:
    """A sentence, with code between backticks."""
    parts = text.split("`")
    return fragment([element("code", part) if place % 2 else part for place, part in enumerate(parts)])


def kind(schema: Schema) -> Markup:
    """Which values there may be, in a few words; a schema with a name of its own is a link to it."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return element("a", name, href=f"#{name}")
    for word, joint in (("anyOf", " or "), ("allOf", " with ")):
        if word in schema:
            return _joined([kind(option) for option in schema[word]], joint)
    if "const" in schema:
        return _code(schema["const"])
    if "enum" in schema:
        return fragment(_joined([_code(value) for value in schema["enum"]], " or "), _bounds(schema))
    if schema.get("type") == "array":
        return fragment("list of ", kind(schema.get("items", {})), _bounds(schema))
    if "properties" in schema:
        fields = [fragment(element("code", name), ": ", kind(field)) for name, field in schema["properties"].items()]
        return fragment("{", _joined(fields, ", "), "}")
    types = schema.get("type", "anything")
    return fragment(types if isinstance(types, str) else " or ".join(types), _bounds(schema))


def _bounds(schema: Schema) -> str:
    return "".join(f", {bound}" for bound in _each_bound(schema))


def _each_bound(schema: Schema) -> Iterator[str]:
    if "format" in schema:
        yield str(schema["format"])
    for least, most, unit in (
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minProperties", "maxProperties", " fields"),
        ("minItems", "maxItems", " of them"),
    ):
        if least in schema and most in schema:
            yield f"{schema[least]:,} to {schema[most]:,}{unit}"
        elif least in schema and unit and schema[least] == 1:
            yield "not empty"
        elif least in schema:
            yield f"{schema[least]:,}{unit} or more"
        elif most in schema:
            yield f"at most {schema[most]:,}{unit}"
    if "default" in schema:
        yield f"{schema['default']} if absent"


def _code(value: Any) -> Markup:
    return element("code", value if isinstance(value, str) else str(value))


def _joined(parts: list[Markup], joint: str) -> Markup:
    return fragment([part if place == 0 else fragment(joint, part) for place, part in enumerate(parts)])
