"""The page at ``/docs``: all of the document, for people, and nothing that is loaded from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from autoship.adapters.memory import MemoryHistory
from autoship.web.openapi import OPERATIONS, POLICY, document, page
from autoship.web.openapi.curl import curl_lines
from autoship.web.openapi.layout import WIDTH, layout
from autoship.web.openapi.words import inline, kind
from hypothesis import given
from hypothesis import strategies as st
from test_http import over

DOCUMENT = document()
PAGE = page(DOCUMENT)


class Page(HTMLParser):
    """What of the page a test asks about: where it links to, what may be linked to, and its examples."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: list[str] = []
        self.names: list[str] = []
        self.examples: list[str] = []
        self._in_example = False
        self.feed(PAGE)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.names.append(tag)
        self.links += [value for name in ("href", "src") if (value := given.get(name)) is not None]
        self.anchors += [value for value in [given.get("id")] if value is not None]
        if tag == "pre":
            assert given.get("tabindex") == "0"
            self.examples.append("")
            self._in_example = True

    def handle_endtag(self, tag: str) -> None:
        self._in_example = self._in_example and tag != "pre"

    def handle_data(self, data: str) -> None:
        if self._in_example:
            self.examples[-1] += data


READ = Page()


def test_every_call_and_every_shape_has_an_anchor_of_its_own_and_is_linked_to() -> None:
    wanted = [operation.name for operation in OPERATIONS] + list(DOCUMENT["components"]["schemas"])
    assert sorted({*wanted, "calls", "shapes"}) == sorted(READ.anchors)
    assert {f"#{name}" for name in wanted} <= set(READ.links)


def test_it_links_to_itself_and_to_the_document_alone() -> None:
    assert {link for link in READ.links if not link.startswith("#")} == {"/openapi.json"}
    assert {link.removeprefix("#") for link in READ.links if link.startswith("#")} <= set(READ.anchors)
    assert not {"script", "img", "link", "iframe"} & set(READ.names)


def examples() -> Iterator[Any]:
    for path, item in DOCUMENT["paths"].items():
        for method, call in item.items():
            yield from (line for _, line in curl_lines(method.upper(), path, call))
            for reply in call["responses"].values():
                for form in reply.get("content", {}).values():
                    yield from (example["value"] for example in form.get("examples", {}).values())


def test_every_example_is_there_as_it_is_and_every_call_as_a_line_for_the_shell() -> None:
    shown = [text if text.startswith("curl ") else json.loads(text) for text in READ.examples]
    assert shown == list(examples())
    assert all(shlex.split(text)[:2] == ["curl", "-s"] for text in shown if isinstance(text, str))


async def test_it_is_served_with_a_policy_that_lets_in_its_style_and_nothing_else() -> None:
    async with over(MemoryHistory()) as client:
        response = await client.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"] == POLICY
    (style,) = re.findall(r"<style>(.*?)</style>", response.text, re.DOTALL)
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in POLICY
    assert "style=" not in response.text


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string", "minLength": 1, "maxLength": 200}, "string, 1 to 200 characters"),
        ({"type": "string", "minLength": 1}, "string, not empty"),
        ({"type": "integer", "minimum": 0}, "integer, 0 or more"),
        ({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "integer, 1 to 1,000, 100 if absent"),
        ({"type": "object", "maxProperties": 8}, "object, at most 8 fields"),
        ({"type": "array", "items": {"type": "boolean"}}, "list of boolean"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null"),
        ({"type": "string", "enum": ["a", "b"]}, "<code>a</code> or <code>b</code>"),
        ({"const": 400}, "<code>400</code>"),
        ({"$ref": "#/components/schemas/Time"}, '<a href="#Time">Time</a>'),
        ({}, "anything"),
    ],
)
def test_a_schema_is_told_in_words(schema: dict[str, Any], words: str) -> None:
    assert kind(schema) == words


def test_what_stands_between_backticks_is_code_and_nothing_else_is_markup() -> None:
    assert inline("`a<b` & c") == "<code>a&lt;b</code> &amp; c"


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=9), inner, max_size=5),
)


@given(values)
def test_json_that_is_laid_out_is_the_same_json(value: Any) -> None:
    text = layout(value)
    assert json.loads(text) == value
    assert "\n" in text or len(text) <= WIDTH or not isinstance(value, dict | list)
