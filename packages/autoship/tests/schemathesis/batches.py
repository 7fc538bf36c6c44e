"""What schemathesis does not know: lines of JSON, and that a batch is taken though a part of it is refused."""

from __future__ import annotations

import json

import schemathesis
from schemathesis.generation import GenerationMode


@schemathesis.serializer("application/x-ndjson")
def lines(context: schemathesis.SerializationContext, value: object) -> bytes:
    """Text as it is; what is no text as JSON, for the server to refuse."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="surrogatepass")


@schemathesis.check
def what_is_wrong_in_a_batch_is_told(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """Where a batch that does not fit the document is taken, something in it is refused, and the rest answered."""
    sent = case.meta.components if case.meta else {}
    if response.status_code != 200 or not any(
        part.name == "BODY" and component.mode is GenerationMode.NEGATIVE for part, component in sent.items()
    ):
        return
    answer = response.json()
    if case.operation.definition.raw["operationId"] == "sendShipments" and case.media_type == "application/json":
        assert answer["rejected_total"], "a record that does not fit the document was taken"
    if "predictions" in answer:
        assert any("error" in place for place in answer["predictions"]), "an order that does not fit was predicted"
