"""``/customers/{id}/orders/{order_id}``: one order, what was said of it, why, and what came of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from autoship.domain.outcome import Outcome, word_text
from autoship.domain.prediction import Alternative, Because, LearnedFrom, Reason, Shipment
from autoship.domain.record import Record, same_choice
from autoship.pages import addresses
from autoship.pages.frame import document, facts, figures, section
from autoship.pages.listing import Column, listing
from autoship.pages.words import choice, clean, moment, name
from autoship.report.markup import Child, Markup, element, fragment
from autoship.report.words import NOTHING, REASONS, count, percent

MOST_VALUES = 200
LONGEST_VALUE = 200


class Said(msgspec.Struct, frozen=True):
    """A prediction as it was given out, as far as that is kept."""

    shipment: Shipment | None
    confidence: float
    approved: bool
    prediction_id: str | None = None
    reason: Reason | None = None
    alternatives: Sequence[Alternative] = ()
    because: Sequence[Because] = ()
    learned_from: LearnedFrom | None = None


def order_page(
    customer_id: str,
    order_id: str,
    *,
    said: Said | None,
    said_at: datetime | None = None,
    record: Record | None,
    outcome: Outcome | None,
) -> str:
    """The whole page. ``said`` is what was answered for the order before it shipped, at ``said_at``; ``record`` is None
    until it has, and ``outcome`` where no prediction could be compared with it."""
    told = said or _foreseen(outcome)
    shipped = record.shipment if record else None
    return document(
        f"Order {clean(order_id, 60)}",
        ["Order ", name(order_id)],
        figures(*_figures(told, outcome, shipped)),
        section("Predicted and shipped", _compared(told, shipped)),
        section("What else it might have been", _alternatives(told)),
        section("Why", _because(said, told)),
        section("The order", _order(record)),
        section(
            "What else became known",
            _leaves(record.shipped, "Learned from in no way.") if record and record.shipped else None,
        ),
        section("How it went", _facts(said, said_at, record, outcome)),
        trail=[
            ("customers", addresses.HOME),
            (name(customer_id), addresses.customer(customer_id)),
            ("predictions", addresses.predictions(customer_id)),
        ],
        lede=_lede(record),
    )


def _lede(record: Record | None) -> Child:
    if record is None:
        return "It has not been sent in as shipped yet."
    shipped = ", shipped " if record.shipped_at else ", taken as shipped "
    return ["Placed ", moment(record.ordered_at), shipped, moment(record.known_at), "."]


def _foreseen(outcome: Outcome | None) -> Said | None:
    return None if outcome is None else Said(outcome.predicted, outcome.confidence, outcome.approved)


def _figures(told: Said | None, outcome: Outcome | None, shipped: Shipment | None) -> Iterator[tuple[Child, Child]]:
    if told is None or told.shipment is None:
        yield "No prediction", "None was made before the order shipped, or it is no longer kept."
        return
    if shipped is None:
        yield "Open", "What is shipped is not known yet."
    elif same_choice(told.shipment, shipped):
        unseen = outcome is not None and outcome.decided_by != "person"
        yield "Right", "shipped so, but nobody looked at it." if unseen else "in the whole choice."
    else:
        yield "Wrong", "the choice that was shipped is another one."
    yield percent(told.confidence), "sure: of orders predicted so sure, that share comes true."
    if told.approved:
        yield "Approved", "Nobody had to look."
    else:
        yield "Not approved", _sentence(REASONS[told.reason]) if told.reason else "For a person to look at."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _compared(told: Said | None, shipped: Shipment | None) -> Markup | None:
    predicted = told.shipment if told else None
    fields = sorted({**(predicted or {}), **(shipped or {})})
    if not fields:
        return None
    columns = (
        Column("part", words=True),
        Column("predicted", words=True),
        Column("shipped", words=True),
        Column("outcome"),
    )
    rows = [
        (name(field), _word(predicted, field), _word(shipped, field), _outcome(predicted, shipped, field))
        for field in fields
    ]
    return listing("The choice, part by part.", columns, rows)


def _word(shipment: Shipment | None, field: str) -> Child:
    return NOTHING if shipment is None or field not in shipment else name(word_text(shipment[field]))


def _outcome(predicted: Shipment | None, shipped: Shipment | None, field: str) -> str:
    if predicted is None or shipped is None:
        return NOTHING
    if field not in predicted or field not in shipped:
        return "wrong"
    return "right" if same_choice({field: predicted[field]}, {field: shipped[field]}) else "wrong"


def _alternatives(told: Said | None) -> Markup | None:
    if told is None or told.shipment is None or not told.alternatives:
        return None
    rows = [(choice(told.shipment), [percent(told.confidence), _bar(told.confidence, "part")])]
    rows += [
        (choice(other.shipment), [percent(other.confidence), _bar(other.confidence, "other")])
        for other in told.alternatives
    ]
    columns = (Column("choice", words=True), Column("probability"))
    return listing("What was predicted, and the next most probable choices.", columns, rows)


def _bar(share: float, style: str) -> Markup:
    return element(
        "svg",
        element("rect", width=100, height=10, class_="all"),
        element("rect", width=100 * share, height=10, class_=style),
        viewBox="0 0 100 10",
        preserveAspectRatio="none",
        class_="bars",
        aria_hidden="true",
    )


def _because(said: Said | None, told: Said | None) -> Markup | None:
    if told is None:
        return None
    if said is None:
        return element(
            "p",
            "Reasons are kept for predictions that were asked for. Nobody asked for this one before the order shipped: "
            "it was made from what was known when the order was placed, to count how right it would have been.",
        )
    if not said.because:
        return element("p", "No single property of the order decided it: it is what this customer does most.")
    return element("ul", [element("li", clean(reason.text, 600)) for reason in said.because], class_="reasons")


def _order(record: Record | None) -> Markup | None:
    if record is None:
        return element("p", "The order itself comes in with its shipment.")
    return _leaves(record.order, "What was known before the choice.")


def _leaves(value: Mapping[str, Any], caption: str) -> Markup:
    leaves = list(itertools.islice(_walk(value, ""), MOST_VALUES + 1))
    rows = [(name(path), name(_shown(leaf), LONGEST_VALUE)) for path, leaf in leaves[:MOST_VALUES]]
    if not rows:
        return element("p", "It has no fields.")
    columns = (Column("field", words=True), Column("value", words=True))
    more = element("p", f"Only the first {MOST_VALUES} values are shown.") if len(leaves) > MOST_VALUES else None
    return fragment(listing(caption, columns, rows), more)


def _walk(value: object, path: str) -> Iterator[tuple[str, object]]:
    """All values with their dotted paths, in order. Empty objects and lists are values."""
    if isinstance(value, Mapping) and value:
        for key, child in value.items():
            yield from _walk(child, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for place, child in enumerate(value):
            yield from _walk(child, f"{path}[{place}]")
    else:
        yield path, value


def _shown(leaf: object) -> str:
    return leaf if isinstance(leaf, str) else msgspec.json.encode(leaf).decode()


def _facts(said: Said | None, said_at: datetime | None, record: Record | None, outcome: Outcome | None) -> Markup:
    learned = said.learned_from if said else None
    return facts(
        ("Predicted", moment(said_at) if said_at else "as of when it was placed" if outcome else None),
        ("Learned by then", None if learned is None else count(learned.orders, "order")),
        ("Name of the prediction", None if said is None or said.prediction_id is None else name(said.prediction_id)),
        ("Shipped", moment(record.shipped_at) if record and record.shipped_at else None),
        (
            "Who decided",
            None if record is None else "a person looked" if record.decided_by == "person" else "nobody looked",
        ),
        (
            "Its commonest choice would have been",
            None if outcome is None else "right" if outcome.commonest else "wrong",
        ),
    )
