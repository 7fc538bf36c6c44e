"""The shapes of what is sent and answered, as JSON Schema: those of the types that decode and encode them, with the
bounds and formats that `autoship.domain.record` checks, and a sentence for each field.

What JSON Schema cannot say (a name that comes twice, the depth of an order) is said in words.
"""

from __future__ import annotations

import msgspec

from autoship.domain.prediction import Reason
from autoship.domain.record import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_CUSTOMER_ID,
    MAX_DEPTH,
    MAX_NODES,
    MAX_NUMBER,
    MAX_ORDER_ID,
    MAX_SHIPMENT_FIELDS,
    MAX_WORD,
    Record,
)
from autoship.domain.request import PredictionRequest
from autoship.domain.settings import Chosen, Settings
from autoship.domain.summary import Summary
from autoship.learning.approval import LEAST_ERROR, MOST_ERROR
from autoship.report.words import REASONS
from autoship.service.answer import Answer
from autoship.service.autoship import HISTORY_AWAY, REBUILDING
from autoship.service.intake import MOST_REJECTED, Intake
from autoship.service.told import CustomerPage
from autoship.web.openapi.operation import Schema
from autoship.web.outcomes import Page
from autoship.web.predictions import Spoilt
from autoship.web.problems import Problem

TEMPLATE = "#/components/schemas/{name}"
CONTROL = r"\u0000-\u001f\u007f-\u009f"
NULL: Schema = {"type": "null"}
HOUR = r"([01]\d|2[0-3])"
COUNT: Schema = {"type": "integer", "minimum": 0}
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}


def ref(name: str) -> Schema:
    """A schema of `components` by its name."""
    return {"$ref": TEMPLATE.format(name=name)}


def either(*schemas: Schema) -> Schema:
    """One of several."""
    return {"anyOf": list(schemas)}


BASIC: dict[str, Schema] = {
    "CustomerId": {
        "description": "Percent-encoded in paths, as UTF-8.",
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_CUSTOMER_ID,
        "pattern": f"^[^/{CONTROL}]+$",
        "not": {"enum": [".", ".."]},
    },
    "OrderId": {
        "description": "Percent-encoded in paths, as UTF-8.",
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_ORDER_ID,
        "pattern": f"^[^{CONTROL}]+$",
    },
    "Time": {"description": "RFC 3339, in UTC.", "type": "string", "format": "date-time", "pattern": "Z$"},
    "GivenTime": {
        "description": f"RFC 3339 with an offset, of the years {FIRST_YEAR} to {LAST_YEAR}.",
        "type": "string",
        "format": "date-time",
        "pattern": rf"^(19[789]\d|2[01]\d\d)-\d\d-\d\dT{HOUR}:[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]{HOUR}:[0-5]\d)$",
    },
    "Cursor": {
        "description": "Where to go on.",
        "type": "string",
        "pattern": "^([1-9][0-9]{0,8}|[1-3][0-9]{9})$",
    },
    "Number": {
        "description": "What needs more than 64 bits is sent as a string.",
        "type": "number",
        "minimum": -MAX_NUMBER,
        "maximum": MAX_NUMBER,
    },
    "Shipment": {
        "description": "A choice, such as carrier, service and packaging, predicted as one.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": MAX_SHIPMENT_FIELDS,
        "propertyNames": {"minLength": 1, "maxLength": MAX_WORD},
        "additionalProperties": either({"type": "string", "maxLength": MAX_WORD}, ref("Number"), {"type": "boolean"}),
    },
    "Object": {
        "description": f"Free-form: at most {MAX_NODES:,} values in {MAX_DEPTH} levels, no name twice in one object.",
        "type": "object",
        "additionalProperties": ref("Value"),
    },
    "Value": either(
        {"type": ["null", "boolean", "string"]},
        ref("Number"),
        {"type": "array", "items": ref("Value")},
        ref("Object"),
    ),
}

TYPES = (Record, PredictionRequest, Chosen, Intake, Answer, Spoilt, CustomerPage, Summary, Settings, Page, Problem)
OMITTING = frozenset({"Problem"})
"""What leaves out a field rather than say null."""
CLOSED = frozenset({"Record", "PredictionRequest", "Chosen"})
"""What is refused with a field that is not known."""

DESCRIPTIONS = {
    "Record": "A past order and how it was shipped.",
    "PredictionRequest": "An order that is to be predicted.",
    "Intake": "What became of all that was sent.",
    "Rejected": "What was sent and is no record.",
    "Answer": "The prediction for one order.",
    "Alternative": "A choice that was not predicted.",
    "Because": "A reason in words, with counts: `agreeing` of `orders` past orders that share this went this way.",
    "LearnedFrom": "What the prediction is learned from.",
    "Reason": "Why an order is not approved:\n\n"
    + "\n\n".join(f"`{reason}`: {words}." for reason, words in REASONS.items()),
    "Summary": "What was learned of a customer.",
    "Recent": "The counts over the newest 1,000 predictions whose outcome somebody saw.",
    "Chosen": "Settings that are to be changed. What is left out stays as it is.",
    "Settings": "What the customer's predictions are held to.",
    "CustomerPage": "Some customers, ordered by their ids.",
    "ListedCustomer": "A customer, in short. Counts are null where no model of it has been made yet.",
    "Page": "Some predictions, the newest first.",
    "Compared": "A prediction beside what was shipped.",
    "Spoilt": "An order that cannot be predicted, in its place.",
    "Problem": "What went wrong (RFC 9457).",
}

FIELDS: dict[str, tuple[Schema, str]] = {
    "customer_id": (ref("CustomerId"), "Whose way of shipping it is."),
    "order_id": (ref("OrderId"), "The order's own name."),
    "PredictionRequest.order_id": (
        ref("OrderId"),
        "With it, this prediction is kept until the order ships, and the record is judged by it.",
    ),
    "Answer.order_id": (ref("OrderId"), "The order's, if it was sent."),
    "ordered_at": (ref("GivenTime"), "When the order was placed."),
    "PredictionRequest.ordered_at": (ref("GivenTime"), "When the order was placed; absent: now."),
    "order": (ref("Object"), "What is known of the order before the choice is made."),
    "shipment": (ref("Shipment"), "The choice that was made."),
    "Answer.shipment": (
        ref("Shipment"),
        "A choice that this customer has made before, all fields together; null where nothing is known of it.",
    ),
    "Alternative.shipment": (ref("Shipment"), "Another choice that this customer has made before."),
    "shipped_at": (ref("GivenTime"), "When it shipped; absent: it counts as shipped a day after the order."),
    "decided_by": (
        {"type": "string"},
        "Whether somebody looked: `person` saw this order's choice and let it stand or changed it, `auto` is nobody.",
    ),
    "shipped": (either(ref("Object"), NULL), "What else became known: kept, never learned from."),
    "accepted": (COUNT, "Records that are new."),
    "unchanged": (COUNT, "Records that were known already."),
    "replaced": (COUNT, "Records that correct an earlier one of the same customer and order."),
    "rejected": ({"maxItems": MOST_REJECTED}, f"The first {MOST_REJECTED:,} that are no records."),
    "rejected_total": (COUNT, "How many are no records."),
    "line": ({"type": "integer", "minimum": 1}, "The line, or the place in the array, from 1."),
    "Rejected.field": ({"type": "string"}, "The dotted path to what is wrong; null where the whole line is meant."),
    "Rejected.error": ({"type": "string"}, "What is wrong, and what would be right."),
    "prediction_id": ({"type": "string"}, "This answer's own name."),
    "confidence": (SHARE, "How probable it is that all of the choice is right."),
    "approved": ({"type": "boolean"}, "Whether it may be shipped so with nobody looking: a promise, not a threshold."),
    "alternatives": ({}, "Other choices, and how probable they are."),
    "because": ({}, "Reasons in words, with counts."),
    "learned_from": ({}, "How much was learned, and until when."),
    "degraded": (
        {"items": {"type": "string", "enum": [REBUILDING, HISTORY_AWAY]}},
        f"Empty when all is well. `{REBUILDING}`: corrections are not in yet. `{HISTORY_AWAY}`: the history cannot be "
        "reached, and what is in memory answers.",
    ),
    "reason": ({}, "Why it is not approved; absent where it is."),
    "text": ({"type": "string"}, "The reason."),
    "Because.orders": (COUNT, "How many past orders share this."),
    "agreeing": (COUNT, "How many of them went this way."),
    "orders": (COUNT, "How many orders were learned."),
    "until": (ref("Time"), "The newest time at which one of them became known."),
    "choices": (COUNT, "How many different choices are known."),
    "learned_until": (ref("Time"), "The newest time at which an order became known."),
    "predicted": (COUNT, "Predictions whose outcome somebody saw."),
    "right": (COUNT, "How many of those were right."),
    "Summary.approved": (COUNT, "How many of those had been approved."),
    "Recent.approved": (COUNT, "How many of those had been approved."),
    "approved_wrong": (COUNT, "How many of the approved were wrong."),
    "recent": ({}, "The same over the newest 1,000."),
    "approving": ({"type": "boolean"}, "Whether anything is approved now."),
    "approving_from": ({"type": "number"}, "The score from which orders are approved; null where none is."),
    "alarms": (COUNT, "How often approving was stopped, because the customer's ways had changed."),
    "outcomes_needed": (COUNT, "How many outcomes are needed at least before approving."),
    "outcomes_seen": (COUNT, "How many outcomes have come in since the last alarm."),
    "warnings": ({}, "Sentences, such as which field of `shipment` is no choice."),
    "ListedCustomer.approved": (COUNT, "How many of those had been approved."),
    "customers": ({}, "The customers."),
    "CustomerPage.next": (ref("CustomerId"), "Where the others begin, for `after`; null where there are none."),
    "predictions": ({}, "The predictions."),
    "Page.next": (ref("Cursor"), "Where the others begin, for `cursor`; null where there are none."),
    "Compared.prediction_id": ({"type": "string"}, "The prediction's own name; null where nobody was told it before."),
    "Compared.ordered_at": (ref("Time"), "When the order was placed."),
    "known_at": (ref("Time"), "When the choice became known: `shipped_at`, or a day after the order."),
    "Compared.predicted": (ref("Shipment"), "The choice that was predicted."),
    "Compared.right": ({"type": "boolean"}, "Whether all of it was right."),
    "wrong_fields": ({}, "The fields of the choice that were not."),
    "served": (
        {"type": "boolean"},
        "Whether it was given out before the order shipped; if not, it was made when the record came in, from what had "
        "been known at its `ordered_at`.",
    ),
    "max_error": (
        {"type": "number", "minimum": LEAST_ERROR, "maximum": MOST_ERROR},
        "At most this share of what is approved is wrong.",
    ),
    "audit": (SHARE, "This share of what could be approved is held back for a person."),
    "Chosen.max_error": (
        {"type": "number", "minimum": LEAST_ERROR, "maximum": MOST_ERROR},
        "At most this share of what is approved is to be wrong; null puts the default back.",
    ),
    "Chosen.audit": (SHARE, "This share of what could be approved is to be held back; null puts the default back."),
    "settings": (ref("Settings"), "What its predictions are held to."),
    "Spoilt.error": ({}, "What is wrong with it."),
    "type": ({"type": "string", "format": "uri"}, "The kind of problem: `about:blank` where its status says it all."),
    "title": ({"type": "string"}, "The kind in words."),
    "status": ({"type": "integer", "minimum": 400, "maximum": 599}, "The HTTP status."),
    "detail": ({"type": "string"}, "What is wrong here, and the mend."),
    "field": ({"type": "string"}, "The dotted path to what is wrong; absent where no one field is."),
}
"""What a field is, by its name or by that of its type and its own: bounds and formats, and a sentence."""


def components() -> dict[str, Schema]:
    """The schemas by name. A type or a field of which nothing is said is a `KeyError`."""
    _, shapes = msgspec.json.schema_components(TYPES, ref_template=TEMPLATE)
    named = {name: _named(name, shape) for name, shape in shapes.items()}
    summary = named.pop("Summary")
    return {**BASIC, **named, "Customer": _customer(summary)}


def _named(name: str, shape: Schema) -> Schema:
    if "properties" not in shape:
        return {"description": DESCRIPTIONS[name], "type": "string", "enum": [*Reason]}
    schema = {
        "description": DESCRIPTIONS[name],
        "type": "object",
        "properties": {field: _field(name, field, found) for field, found in shape["properties"].items()},
        "required": shape["required"],
    }
    return {**schema, "additionalProperties": False} if name in CLOSED else schema


def _field(name: str, field: str, found: Schema) -> Schema:
    """What msgspec found of a field, narrowed by what `FIELDS` says of it."""
    narrower, sentence = FIELDS.get(f"{name}.{field}") or FIELDS[field]
    options = found.get("anyOf", [found])
    default = found.get("default")
    schema = narrower if "$ref" in narrower or "anyOf" in narrower else {**_core(options), **narrower}
    if NULL in options and name not in OMITTING:
        schema = either(schema, NULL)
    schema = {**schema, "description": sentence}
    return {**schema, "default": default} if isinstance(default, str) else schema


def _core(options: list[Schema]) -> Schema:
    """The one option that is not null."""
    (core,) = [option for option in options if option != NULL]
    return {key: value for key, value in core.items() if key != "default"}


def _customer(summary: Schema) -> Schema:
    """What `Autoship.customer` puts together."""
    fields = {
        "customer_id": _field("Customer", "customer_id", {"type": "string"}),
        **summary["properties"],
        "settings": _field("Customer", "settings", {}),
        "degraded": _field("Customer", "degraded", {"type": "array"}),
    }
    return {**summary, "properties": fields, "required": [*fields]}
