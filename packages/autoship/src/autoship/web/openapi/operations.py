"""The calls of the API, one table of them, in the order in which one would try them."""

from __future__ import annotations

from autoship.web.customers import CUSTOMERS, MOST_CUSTOMERS, SETTINGS_LIMIT
from autoship.web.openapi import examples
from autoship.web.openapi.operation import (
    CSV,
    JSON,
    NDJSON,
    TEXT_TYPE,
    Form,
    Header,
    Operation,
    Parameter,
    Reply,
    Schema,
)
from autoship.web.openapi.replies import answered, history_away, invalid, stopping, stranger, too_large
from autoship.web.openapi.schemas import ref
from autoship.web.outcomes import FORMATS, MOST, MOST_FIELDS, PAGE
from autoship.web.predictions import MANY_LIMIT, MOST_ORDERS, ONE_LIMIT
from autoship.web.shipments import ARRAY_LIMIT, LONGEST_LINE

MIB = 2**20
TEXT: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
CUSTOMER = Parameter("customer_id", "path", ref("CustomerId"), "The customer.", "acme")
ETAG = Header({"type": "string"}, "Names this version of the document.")
THE_FIRST = {"customer_id": "$request.body#/0/customer_id"}
NO_CUSTOMER_ID = invalid("customer_id", 'must not contain "/" and must not be "." or ".."')
NO_CUSTOMER = stranger("Nothing is known of customer stranger: no order of it was sent to /v1/shipments.")


def _limit(most: int) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": most}


def _object(**fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": [*fields]}


def _readiness(status: str) -> Schema:
    away = _object(state={"const": "away"}, detail={"type": "string"})
    return _object(status={"const": status}, history={"anyOf": [_object(state={"const": "ok"}), away]})


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="POST",
        path="/v1/shipments",
        name="sendShipments",
        tag="Shipments",
        summary="Take in what was shipped, and learn it",
        description=f"""An array of records, or one record a line (NDJSON), of any length and read as it streams in.
What the content type says does not matter: an array begins with a bracket. An array has at most {ARRAY_LIMIT // MIB}
MiB, a record at most {LONGEST_LINE // MIB}.

What is no record is told in `rejected`, with its line, the field and what would be right; it spoils no other, and the
status is 200. Once this is answered, the records are on the disk, and the next prediction knows them. To send
something again is always safe.""",
        body=(
            Form(JSON, {"type": "array", "items": ref("Record")}, {"array": examples.RECORDS}),
            Form(
                NDJSON,
                {"type": "string", "pattern": r"^(\{.*\}\r?\n)*$", "description": "One record a line."},
                {"lines": examples.LINES},
            ),
        ),
        replies=(
            answered(
                "Taken in.",
                ref("Intake"),
                links={
                    **dict.fromkeys(("readCustomer", "readPredictions", "changeCustomer", "forgetCustomer"), THE_FIRST),
                    "forgetRecord": {**THE_FIRST, "order_id": "$request.body#/0/order_id"},
                },
                array=examples.TAKEN_IN,
                lines=examples.LINES_TAKEN_IN,
                rejected=examples.ONE_REJECTED,
            ),
            invalid(None, "not valid JSON: it ends too early"),
            too_large(None, f"the body has more than {ARRAY_LIMIT:,} bytes: send it in parts"),
            history_away(),
        ),
    ),
    Operation(
        method="POST",
        path="/v1/prediction",
        name="predict",
        tag="Predictions",
        summary="Predict how one order will be shipped",
        description=f"""With an `order_id`, the prediction is kept, and compared with what is shipped. Of a customer of
whom nothing is known, `shipment` is null, and the status is 200. The body has at most {ONE_LIMIT // MIB} MiB.""",
        body=(Form(JSON, ref("PredictionRequest"), {"order": examples.ORDER}),),
        replies=(
            answered("The prediction.", ref("Answer"), order=examples.PREDICTION),
            invalid("customer", "is not known: did you mean customer_id?"),
            too_large(None, f"the body has more than {ONE_LIMIT:,} bytes: send it in parts"),
            history_away(),
        ),
    ),
    Operation(
        method="POST",
        path="/v1/predictions",
        name="predictMany",
        tag="Predictions",
        summary="Predict many orders",
        description=f"""Answered in order. An order that cannot be used has an `error` in its place; it spoils no other,
and the status is 200. The body has at most {MANY_LIMIT // MIB} MiB.""",
        body=(
            Form(
                JSON,
                {
                    **_object(orders={"type": "array", "maxItems": MOST_ORDERS, "items": ref("PredictionRequest")}),
                    "additionalProperties": False,
                },
                {"orders": examples.ORDERS},
            ),
        ),
        replies=(
            answered(
                "The predictions.",
                _object(predictions={"type": "array", "items": {"anyOf": [ref("Answer"), ref("Spoilt")]}}),
                orders=examples.PREDICTIONS,
                spoilt=examples.ONE_SPOILT,
            ),
            invalid("orders", "is missing"),
            too_large("orders", f"has at most {MOST_ORDERS:,} orders, not {MOST_ORDERS + 1:,}: ask in parts"),
            stopping(),
        ),
    ),
    Operation(
        method="GET",
        path="/v1/customers",
        name="listCustomers",
        tag="Customers",
        summary="List the customers",
        description="Ordered by id. The counts of a customer are those of its last snapshot, or newer.",
        parameters=(
            Parameter("after", "query", TEXT, "Only those with an id after this one, by code point."),
            Parameter("limit", "query", {**_limit(MOST_CUSTOMERS), "default": CUSTOMERS}, "At most so many."),
        ),
        replies=(
            answered("The customers.", ref("CustomerPage"), customers=examples.CUSTOMERS),
            invalid("limit", f"is a whole number from 1 to {MOST_CUSTOMERS:,}"),
            history_away(),
        ),
    ),
    Operation(
        method="GET",
        path="/v1/customers/{customer_id}",
        name="readCustomer",
        tag="Customers",
        summary="Tell what was learned of a customer",
        description="Orders, choices, how right the predictions were, and whether anything is approved.",
        parameters=(CUSTOMER,),
        replies=(
            answered("The customer.", ref("Customer"), customer=examples.CUSTOMER),
            NO_CUSTOMER_ID,
            NO_CUSTOMER,
            history_away(),
        ),
    ),
    Operation(
        method="GET",
        path="/v1/customers/{customer_id}/predictions",
        name="readPredictions",
        tag="Customers",
        summary="Compare predictions with what was shipped",
        description=f"""For each order, the last prediction before it shipped, or, where nobody asked for one, the one
that would have been given; the newest first. Without `format`, a page of them; as `ndjson` or `csv`, a file of all that
fit, or of `limit` of them, streamed. Choices with more than {MOST_FIELDS} different fields have no room in `csv`. A
stream that cannot be finished is cut, so that it does not pass for a whole one.""",
        parameters=(
            CUSTOMER,
            Parameter("field", "query", TEXT, "A field of the choice, for `shipped`, `predicted` and `right`."),
            Parameter("shipped", "query", TEXT, "What was shipped: the value of `field`, or of any field without it."),
            Parameter("predicted", "query", TEXT, "What was predicted, likewise."),
            Parameter("right", "query", FLAG, "Whether `field`, or the whole choice without it, was right."),
            Parameter("approved", "query", FLAG, "Whether it was approved."),
            Parameter("since", "query", ref("GivenTime"), "Only what became known then or later."),
            Parameter("until", "query", ref("GivenTime"), "Only what became known before."),
            Parameter("cursor", "query", ref("Cursor"), "Where to go on: what `next` said."),
            Parameter("limit", "query", _limit(MOST), f"At most so many; absent: {PAGE}, and of a file all."),
            Parameter("format", "query", {"type": "string", "enum": [*FORMATS], "default": "json"}, "The form."),
        ),
        replies=(
            Reply(
                200,
                "The predictions.",
                (
                    Form(JSON, ref("Page"), {"page": examples.COMPARED}),
                    Form(NDJSON, {"type": "string", "description": "One prediction a line."}, {}),
                    Form(CSV, {"type": "string", "description": "RFC 4180, with a line of names."}, {}),
                ),
                {"Content-Disposition": Header({"type": "string"}, "The name of a file.", required=False)},
            ),
            invalid("right", "is true or false"),
            NO_CUSTOMER,
            history_away(),
        ),
    ),
    Operation(
        method="PATCH",
        path="/v1/customers/{customer_id}",
        name="changeCustomer",
        tag="Customers",
        summary="Change what a customer's predictions are held to",
        description="""What was learned stays. A change leads to one rebuild of the customer's model in the background;
until it is done, predictions have `"degraded": ["rebuilding"]`.""",
        parameters=(CUSTOMER,),
        body=(Form(JSON, ref("Chosen"), {"audit": examples.CHOSEN}),),
        replies=(
            answered("The customer, as it is now.", ref("Customer"), audit=examples.CHANGED),
            invalid("max_eror", "is not known: did you mean max_error?"),
            NO_CUSTOMER,
            too_large(None, f"the body has more than {SETTINGS_LIMIT:,} bytes: send it in parts"),
            history_away(),
        ),
    ),
    Operation(
        method="DELETE",
        path="/v1/customers/{customer_id}/shipments/{order_id}",
        name="forgetRecord",
        tag="Customers",
        summary="Forget one record",
        description="""The record, its predictions and what came of them. The customer's model is rebuilt in the
background, as if the record had never come.""",
        parameters=(CUSTOMER, Parameter("order_id", "path", ref("OrderId"), "The order.", "1002")),
        replies=(
            Reply(204, "Forgotten."),
            NO_CUSTOMER_ID,
            stranger("Customer acme has no record of order 999."),
            history_away(),
        ),
    ),
    Operation(
        method="DELETE",
        path="/v1/customers/{customer_id}",
        name="forgetCustomer",
        tag="Customers",
        summary="Forget a customer",
        description="Everything of it, everywhere: records, predictions, what was learned, settings.",
        parameters=(CUSTOMER,),
        replies=(Reply(204, "Forgotten."), NO_CUSTOMER_ID, NO_CUSTOMER, history_away()),
    ),
    Operation(
        method="GET",
        path="/healthz",
        name="health",
        tag="The service",
        summary="Alive",
        description="Answers while the process does.",
        replies=(answered("Alive.", _object(status={"const": "ok"}), alive={"status": "ok"}),),
    ),
    Operation(
        method="GET",
        path="/readyz",
        name="readiness",
        tag="The service",
        summary="Ready",
        description="""Tells how the history's last call went, and never depends on it: were it to, the loss of one
history would take every copy of the service away at once.""",
        replies=(
            answered("Ready.", _readiness("ready"), ready={"status": "ready", "history": {"state": "ok"}}),
            Reply(503, "The service is being stopped.", (Form(JSON, _readiness("stopping"), {}),)),
        ),
    ),
    Operation(
        method="GET",
        path="/metrics",
        name="measure",
        tag="The service",
        summary="Numbers for Prometheus",
        description="All that is counted, in Prometheus' text format. No label names a customer.",
        replies=(Reply(200, "The numbers.", (Form(TEXT_TYPE, {"type": "string"}, {}),)),),
    ),
    Operation(
        method="GET",
        path="/openapi.json",
        name="describe",
        tag="The service",
        summary="This document",
        description="What the API is, as OpenAPI 3.1. It is the same for as long as the process runs.",
        parameters=(
            Parameter("If-None-Match", "header", {"type": "string"}, "The `ETag` of the one that is known already."),
        ),
        replies=(
            Reply(200, "The document.", (Form(JSON, {"type": "object"}, {}),), {"ETag": ETAG}),
            Reply(304, "It is the one that is known already.", headers={"ETag": ETAG}),
        ),
    ),
)
"""All of them. A test holds that they are the routes of the application, and its other routes pages."""
