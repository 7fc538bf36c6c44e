"""The OpenAPI document: the table of operations, the schemas that it refers to, and what holds for all calls."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, TypeAlias

import msgspec

from autoship.web.guard import OPEN
from autoship.web.openapi.operation import Form, Header, Operation, Parameter, Reply
from autoship.web.openapi.operations import OPERATIONS
from autoship.web.openapi.replies import not_plain, too_slow, unauthorized
from autoship.web.openapi.schemas import components

Document: TypeAlias = dict[str, Any]

ABOUT = """Learns how each customer ships from that customer's past orders, and predicts how a new order will ship:
carrier, service, packaging, or whatever the choice consists of.

JSON in, JSON out, UTF-8. What goes wrong is told as an RFC 9457 problem (`application/problem+json`). A place that is
not there is 404, a method that is not for it 405 with `Allow`; `HEAD` is answered wherever `GET` is. Fields may be
added to answers: clients ignore those that they do not know. A valid `traceparent` (W3C) comes back with the answer."""

TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "Where the service has a token, every call wants it but those of health.",
}
REQUEST_ID = Header({"type": "string"}, "The request's own, if it sent one, else a new one: what the log calls it.")


def document() -> Document:
    """All of it, as OpenAPI 3.1.1."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "autoship",
            "version": version("autoship"),
            "summary": "Predicts how an order will be shipped",
            "description": ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in OPERATIONS)],
        "paths": paths,
        "components": {"schemas": components(), "securitySchemes": {"token": TOKEN}},
    }


def text_of(document: Document) -> bytes:
    """The document as it is served, and as it is kept beside the docs."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _operation(operation: Operation) -> Document:
    described: Document = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
    }
    if operation.parameters:
        described["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body:
        described["requestBody"] = {"required": True, "content": _content(operation.body)}
    replies = operation.replies
    if operation.path in OPEN:
        described["security"] = []
    else:
        replies = (*replies, unauthorized())
    if operation.body:
        replies = (*replies, not_plain(), too_slow())
    described["responses"] = {str(reply.status): _reply(reply) for reply in sorted(replies, key=lambda one: one.status)}
    return described


def _parameter(parameter: Parameter) -> Document:
    described = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.place == "path",
        "schema": parameter.schema,
    }
    return described if parameter.example is None else {**described, "example": parameter.example}


def _reply(reply: Reply) -> Document:
    headers = {**reply.headers, "X-Request-ID": REQUEST_ID}
    described: Document = {
        "description": reply.description,
        "headers": {name: _header(header) for name, header in headers.items()},
    }
    if reply.forms:
        described["content"] = _content(reply.forms)
    if reply.links:
        links = {name: {"operationId": name, "parameters": given} for name, given in reply.links.items()}
        described["links"] = links
    return described


def _header(header: Header) -> Document:
    return {"description": header.description, "required": header.required, "schema": header.schema}


def _content(forms: tuple[Form, ...]) -> Document:
    return {form.media_type: _form(form) for form in forms}


def _form(form: Form) -> Document:
    if not form.examples:
        return {"schema": form.schema}
    return {"schema": form.schema, "examples": {name: {"value": value} for name, value in form.examples.items()}}
