"""The calls of the API, one table of them, in the order in which one would try them."""

from __future__ import annotations

from autoship.web.openapi import examples
from autoship.web.openapi.operation import JSON, NDJSON, Form, Header, Operation, Parameter, Reply, Schema
from autoship.web.openapi.replies import answered, history_away, invalid, stranger, too_large
from autoship.web.openapi.schemas import ref
from autoship.web.predictions import MANY_LIMIT, MOST_ORDERS, ONE_LIMIT
from autoship.web.shipments import ARRAY_LIMIT, LONGEST_LINE

MIB = 2**20
CUSTOMER = Parameter("customer_id", "path", ref("CustomerId"), "The customer.", "acme")
ETAG = Header({"type": "string"}, "Names this version of the document.")


def _object(**fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": [*fields]}


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
            invalid("customer_id", 'must not contain "/" and must not be "." or ".."'),
            stranger("Nothing is known of customer stranger: no order of it was sent to /v1/shipments."),
            history_away(),
        ),
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
            answered(
                "Ready.",
                _object(
                    status={"const": "ready"},
                    history={
                        "anyOf": [
                            _object(state={"const": "ok"}),
                            _object(state={"const": "away"}, detail={"type": "string"}),
                        ]
                    },
                ),
                ready={"status": "ready", "history": {"state": "ok"}},
            ),
        ),
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
