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


@schemathesis.deserializer("application/x-ndjson")
def each_line(context: schemathesis.DeserializationContext, response: schemathesis.Response) -> str:
    """The text, if each line of it is JSON."""
    for line in response.content.splitlines():
        json.loads(line)
    return response.content.decode()


@schemathesis.check
def what_is_wrong_in_a_batch_is_told_and_nothing_else(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """In what fits the document nothing is refused; in what does not, something is."""
    call = case.operation.definition.raw["operationId"]
    if response.status_code != 200 or case.media_type != "application/json" or case.meta is None:
        return
    if call == "sendShipments":
        refused = response.json()["rejected"]
    elif call == "predictMany":
        refused = [place for place in response.json()["predictions"] if "error" in place]
    else:
        return
    if case.meta.generation.mode is GenerationMode.POSITIVE:
        assert not refused, f"what fits the document was refused: {refused[0]}"
    elif any(part.name == "BODY" and one.mode.is_negative for part, one in case.meta.components.items()):
        assert refused, "what does not fit the document was taken"
