"""Which bytes are taken as JSON, and what is said of the others."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from autoship.domain.request import decode_request
from autoship.domain.strict_json import decode_json
from autoship.errors import InvalidInput
from hypothesis import example, given
from hypothesis import strategies as st

REQUEST = b'{"customer_id":"acme","order_id":"1","ordered_at":"2026-01-05T10:00:00Z","order":%s}'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "ends too early"),
        (b'{"a":1,}', "trailing comma"),
        (b"{} {}", "trailing characters"),
        (b"NaN", "not valid JSON"),
        (b'{"a":Infinity}', "not valid JSON"),
        (b'{"a":1e999}', "out of range"),
        (b"9" * 5_000, "out of range"),
        (b'"\xff"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'\xef\xbb\xbf{"a":1}', "byte order mark"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"\\udfff":1}', "surrogate"),
        (b'{"a":"\\ud83d\\ude00 \\ud83d"}', "surrogate"),
        (b"[" * 100_000, "too deep"),
        (b'"a\x01"', "not valid JSON"),
    ],
)
def test_what_is_no_json_is_told_with_the_mend(text: bytes, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        decode_json(text)
    with pytest.raises(InvalidInput, match=told):
        decode_request(text)


@pytest.mark.parametrize(
    ("order", "name"),
    [
        (b'{"a":1,"a":1}', "a"),
        (b'{"x":[{"b" : 1,"b"\t:2}]}', "b"),
        (b'{"a":1,"\\u0061":2}', "a"),
        (b'{"a":1,"a"\n:{"a":"\\":"}}', "a"),
    ],
)
def test_a_name_that_comes_twice_is_refused(order: bytes, name: str) -> None:
    for decode in (decode_json, decode_request):
        with pytest.raises(InvalidInput, match="appears twice") as caught:
            decode(REQUEST % order)
        assert caught.value.field == name


@pytest.mark.parametrize("name", ["customer_id", "order_id", "ordered_at", "order"])
def test_a_field_of_the_request_itself_may_come_only_once(name: str) -> None:
    text = REQUEST % b"{}"
    field = f'"{name}":'.encode()
    value = json.dumps(json.loads(text)[name]).encode()
    with pytest.raises(InvalidInput, match="appears twice"):
        decode_request(text.replace(b"{", b"{" + field + value + b",", 1))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"[]", None),
        (b'"x"', None),
        (b'{"order":{}}', "customer_id"),
        (b'{"customer_id":"acme"}', "order"),
        (b'{"customer_id":null,"order":{}}', "customer_id"),
        (b'{"customer_id":"acme","order":[]}', "order"),
        (b'{"customer_id":"acme","order":null}', "order"),
        (b'{"customer_id":"acme","order":{},"order_id":""}', "order_id"),
        (b'{"customer_id":"acme","order":{},"order_id":7}', "order_id"),
        (b'{"customer_id":"acme","order":{},"ordered_at":""}', "ordered_at"),
        (b'{"customer_id":"acme","order":{},"ordered_at":"2026-01-05T10:00:00"}', "ordered_at"),
        (b'{"customer_id":"acme","order":{},"ordered":1}', "ordered"),
        (b'{"customer_id":"acme","order":{"a":9223372036854775808}}', "order.a"),
        (b'{"customer_id":"acme","order":' + b'{"a":' * 200 + b"1" + b"}" * 200 + b"}", "order"),
        (b'{"customer_id":"acme","order":{"items":[' + b"1," * 100_000 + b"1]}}", "order"),
    ],
)
def test_a_bad_request_is_told_by_its_field(text: bytes, field: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_request(text)
    assert caught.value.field == field


def test_what_a_request_may_leave_out_may_be_null_too() -> None:
    short = decode_request(b'{"customer_id":"acme","order":{}}')
    assert short == decode_request(b'{"customer_id":"acme","order":{},"order_id":null,"ordered_at":null}')
    assert (short.order_id, short.ordered_at) == (None, None)


json_texts = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(':"\\ aü', max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(': "ab', max_size=3), inner, max_size=4),
    max_leaves=20,
)


@given(json_texts, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_what_has_each_name_once_is_decoded_as_it_is(value: Any, indent: int | str | None, ascii_only: bool) -> None:
    assert decode_json(json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()) == value


@given(
    st.dictionaries(st.text(': "ab\n\\', max_size=3), json_texts, min_size=1, max_size=3), st.sampled_from([":", " : "])
)
@example({'a":': 1}, ":")
def test_no_repeated_name_gets_through(value: dict[str, Any], colon: str) -> None:
    pairs = [f"{json.dumps(name)}{colon}{json.dumps(inner)}" for name, inner in value.items()]
    with pytest.raises(InvalidInput, match="appears twice"):
        decode_json(f"{{{','.join([*pairs, pairs[0]])}}}".encode())


@given(st.binary(max_size=40))
def test_any_bytes_are_decoded_or_refused_by_name(data: bytes) -> None:
    for decode in (decode_json, decode_request):
        with contextlib.suppress(InvalidInput):
            decode(data)
