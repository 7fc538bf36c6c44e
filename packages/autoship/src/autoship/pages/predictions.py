"""``/customers/{id}/predictions``: predictions beside what was shipped, those that fit what is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from autoship.domain.outcome import Match, Outcome
from autoship.pages import addresses
from autoship.pages.filters import Known, predictions_form
from autoship.pages.frame import document, section
from autoship.pages.listing import Column, listing
from autoship.pages.words import clean, marked_choice, moment, name
from autoship.report.markup import Child, Markup, element
from autoship.report.words import count, percent

COLUMNS = (
    Column("order", words=True),
    Column("placed", words=True),
    Column("shipped as", words=True),
    Column("predicted as", words=True),
    Column("outcome", words=True),
    Column("confidence"),
    Column("approved"),
)


def predictions_page(
    customer_id: str, match: Match, outcomes: Sequence[Outcome], *, known: Known, cursor: str | None, older: str | None
) -> str:
    """A page of the list, from ``cursor`` on; ``older`` is the next page's cursor, None where there is none."""
    files = [
        element("a", "As CSV", href=addresses.export(customer_id, match, "csv")),
        element("a", "As NDJSON", href=addresses.export(customer_id, match, "ndjson")),
    ]
    pages = []
    if cursor is not None:
        pages.append(element("a", "The newest", href=addresses.predictions(customer_id, match)))
    if older is not None:
        pages.append(element("a", "Older ones", href=addresses.predictions(customer_id, match, older), rel="next"))
    found: list[Child]
    if outcomes:
        caption = f"{count(len(outcomes), 'prediction')}, the newest first. What was wrong is underlined."
        found = [listing(caption, COLUMNS, [_row(customer_id, outcome) for outcome in outcomes])]
    else:
        found = [element("p", "None fits. Ask for less above, or for another span of time.")]
    return document(
        f"Predictions of {clean(customer_id, 60)}",
        "Predictions and what came of them",
        section("Show", predictions_form(match, known, addresses.predictions(customer_id))),
        section(
            "Order by order",
            *found,
            _links("Pages", pages),
            _links("All that fit, as a file", files),
        ),
        trail=[
            ("customers", addresses.HOME),
            (name(customer_id), addresses.customer(customer_id, Match(since=match.since, until=match.until))),
        ],
    )


def _row(customer_id: str, outcome: Outcome) -> Sequence[Child]:
    wrong = outcome.wrong_fields
    return (
        element("a", name(outcome.order_id), href=addresses.order(customer_id, outcome.order_id)),
        moment(outcome.ordered_at),
        marked_choice(outcome.shipment, wrong),
        marked_choice(outcome.predicted, wrong),
        verdict(outcome),
        percent(outcome.confidence),
        "yes" if outcome.approved else "no",
    )


def verdict(outcome: Outcome) -> str:
    """What came of it, in a word or two."""
    if outcome.right:
        return "right" if outcome.decided_by == "person" else "right, but nobody looked"
    return f"wrong: {', '.join(clean(field, 40) for field in outcome.wrong_fields)}"


def _links(title: str, links: Sequence[Markup]) -> Markup | None:
    items = element("ul", [element("li", link) for link in links], class_="links")
    return element("nav", items, aria_label=title) if links else None
