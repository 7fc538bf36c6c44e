"""What there is to say of a call: plain values, which the document and the page are made from."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

Schema: TypeAlias = dict[str, Any]
"""JSON Schema, draft 2020-12."""

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
TEXT_TYPE = "text/plain"
PROBLEM = "application/problem+json"


class Form(msgspec.Struct, frozen=True):
    """A body in one media type. ``examples`` are JSON as decoded, or text where the body is none."""

    media_type: str
    schema: Schema
    examples: dict[str, Any]


class Parameter(msgspec.Struct, frozen=True):
    """What is asked for beside the body: ``place`` is path, query or header."""

    name: str
    place: str
    schema: Schema
    description: str
    example: Any = None


class Header(msgspec.Struct, frozen=True):
    """A header of a response."""

    schema: Schema
    description: str
    required: bool = True


class Reply(msgspec.Struct, frozen=True):
    """What is answered with one status, in one of ``forms``; none of them where there is no body.

    ``links`` are the calls that go on from here, by name, with their parameters as runtime expressions.
    """

    status: int
    description: str
    forms: tuple[Form, ...] = ()
    headers: dict[str, Header] = {}
    links: dict[str, dict[str, str]] = {}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One call. ``path`` is a template, ``name`` its operationId; ``body`` is what is sent, in one of its forms."""

    method: str
    path: str
    name: str
    tag: str
    summary: str
    description: str
    parameters: tuple[Parameter, ...] = ()
    body: tuple[Form, ...] = ()
    replies: tuple[Reply, ...]
