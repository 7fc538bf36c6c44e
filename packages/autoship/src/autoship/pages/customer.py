"""``/customers/{id}``: how right one customer's predictions were, over time and part by part, and how it stands now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from autoship.domain.outcome import Match
from autoship.domain.scoreboard import Scoreboard
from autoship.pages import addresses
from autoship.pages.filters import span_form
from autoship.pages.frame import document, facts, figures, notice, section
from autoship.pages.listing import Column, listing
from autoship.pages.mistakes import mistakes_table, part_name
from autoship.pages.plots import approved_over_time, right_over_time, wrong_over_time
from autoship.pages.words import clean, moment, name
from autoship.replay.calibration import bins, expected_calibration_error
from autoship.report.markup import Child, Markup, element, fragment
from autoship.report.plots import reliability
from autoship.report.words import TIED, count, percent

TOP_MISTAKES = 5
FEWEST_TO_CALIBRATE = 100
"""Of fewer orders, the distance of confidence from what came true is mostly chance."""

DEGRADED = {
    "rebuilding": "What was learned has changed: the model is being built anew. Until that is done, predictions come "
    "from the old one, and the numbers here may change.",
    "history_away": "The history cannot be reached: what is in memory answers, and nothing new is learned.",
}


class Standing(msgspec.Struct, frozen=True):
    """How a customer's model stands now, as ``GET /v1/customers/{id}`` tells it."""

    customer_id: str
    orders: int
    choices: int
    learned_until: datetime | None
    approving: bool
    approving_from: float | None
    alarms: int
    outcomes_needed: int
    outcomes_seen: int
    warnings: Sequence[str]
    degraded: Sequence[str]
    max_error: float
    audit: float


class Measured(msgspec.Struct, frozen=True):
    """What came of the predictions between the two times of ``span``; ``cut`` says that there were older ones, too many
    to count."""

    board: Scoreboard
    span: Match = Match()
    cut: bool = False


def customer_page(standing: Standing, measured: Measured | None, address: str) -> str:
    """The whole page. ``measured`` is None where the history cannot be had; ``address`` is the service's own."""
    customer_id = standing.customer_id
    return document(
        clean(customer_id, 60),
        name(customer_id),
        [notice(DEGRADED.get(state, state)) for state in standing.degraded],
        [notice(clean(warning, 400)) for warning in standing.warnings],
        _measured(standing, measured) if measured else None,
        section("How it stands now", _standing(standing)),
        section("Settings", _settings(standing, address)),
        trail=[("customers", addresses.HOME)],
        lede=[
            f"{count(standing.orders, 'order')} learned, {count(standing.choices, 'different choice')}, "
            "the newest known ",
            moment(standing.learned_until),
            ".",
        ],
    )


def _measured(standing: Standing, measured: Measured) -> Markup:
    board, customer_id = measured.board, standing.customer_id
    asked = section(
        "Which orders",
        element("p", _which(measured)),
        span_form(measured.span, addresses.customer(customer_id)),
        _all_time(customer_id) if measured.span != Match() else None,
    )
    if not board.all.orders:
        nothing = section("Nothing to compare yet", element("p", _nothing(measured)))
        return fragment(nothing, asked if measured.span != Match() else None)
    plots = [
        section("Right, over time", right_over_time(customer_id, board.stretches, board.all)),
        section(
            "Wrong among the approved", wrong_over_time(customer_id, board.stretches, board.all, standing.max_error)
        ),
        section("How much is approved", approved_over_time(customer_id, board.stretches, board.all)),
        section("Can its confidence be believed?", _reliability(board)),
    ]
    return fragment(
        _figures(standing, measured),
        asked,
        element("div", plots, class_="plots"),
        section("Which part of the choice", _parts(customer_id, measured)),
        section("What was taken for what", *_mistakes(customer_id, measured)),
        section("Order by order", _lists(customer_id, measured)),
    )


def _figures(standing: Standing, measured: Measured) -> Markup:
    whole = measured.board.all
    pairs: list[tuple[Child, Child]] = [
        (
            percent(whole.accuracy),
            f"right in the whole choice: {whole.right:,} of {count(whole.seen, 'prediction')}. Always its commonest "
            f"choice: {percent(whole.baseline)}.",
        ),
        (percent(whole.coverage), f"approved, so that nobody has to look: {whole.approved:,} of {whole.orders:,}."),
    ]
    if whole.proved:
        match = msgspec.structs.replace(measured.span, right=False, approved=True)
        wrong = element(
            "a",
            f"{whole.approved_wrong:,} of {whole.proved:,}",
            href=addresses.predictions(standing.customer_id, match),
        )
        pairs.append((percent(whole.risk), ["of the approved were wrong: ", wrong, f". {_promise(standing)}"]))
    pairs.append(("Approving" if standing.approving else "Not approving", _now(standing)))
    return figures(*pairs)


def _promise(standing: Standing) -> str:
    return f"The promise: at most {percent(standing.max_error)}."


def _now(standing: Standing) -> str:
    if standing.approving:
        return "at present: the surest of what comes in."
    missing = standing.outcomes_needed - standing.outcomes_seen
    if missing > 0:
        return f"at present: {count(missing, 'more outcome')} needed before anything can be promised."
    return "at present: at no score were its predictions right often enough to keep the promise."


def _which(measured: Measured) -> str:
    whole = measured.board.all
    words = f"The numbers and plots are about {count(whole.orders, 'prediction')} whose order has shipped"
    words += ", the newest there are; older ones are only in the list." if measured.cut else "."
    unseen = whole.orders - whole.seen
    if unseen:
        words += (
            f" Nobody looked at {unseen:,} of them: these say nothing about how right predictions are, and count only "
            "as approved or not."
        )
    return words


def _nothing(measured: Measured) -> str:
    if measured.span != Match():
        return "No prediction's outcome became known in this span of time."
    return (
        "No prediction has an outcome yet. The first order of a customer cannot be predicted; of each later one it is "
        "counted here whether it was predicted right, as soon as it is sent in as shipped."
    )


def _all_time(customer_id: str) -> Markup:
    link = element("a", "All of its time", href=addresses.customer(customer_id))
    return element("ul", element("li", link), class_="links")


def _parts(customer_id: str, measured: Measured) -> Markup:
    columns = (Column("part", words=True), Column("orders"), Column("right"), Column("wrong"), Column("mistakes"))
    rows = []
    for part in measured.board.parts:
        match = msgspec.structs.replace(measured.span, field=part.field, right=False)
        wrong = element("a", f"{part.wrong:,} wrong", href=addresses.predictions(customer_id, match))
        kinds = element(
            "a",
            count(len(part.mistakes), "kind"),
            href=addresses.mistakes(customer_id, part.field, measured.span),
        )
        rows.append(
            (
                part_name(part.field),
                f"{part.orders:,}",
                percent(1 - part.wrong / part.orders),
                wrong if part.wrong else "none",
                kinds if part.wrong else "none",
            )
        )
    return listing("The whole choice is right when all of its parts are.", columns, rows)


def _mistakes(customer_id: str, measured: Measured) -> list[Child]:
    parts = [part for part in measured.board.parts if part.wrong]
    if not parts:
        return [element("p", "Nothing was predicted wrong.")]
    if len(measured.board.parts) == 2:
        parts = [part for part in parts if part.field is not None]
    found: list[Child] = []
    for part in parts:
        found.append(element("h3", part_name(part.field)))
        found.append(mistakes_table(customer_id, part, measured.span, TOP_MISTAKES))
        if len(part.mistakes) > TOP_MISTAKES:
            address = addresses.mistakes(customer_id, part.field, measured.span)
            all_of = [f"All {len(part.mistakes):,} kinds of mistake in ", part_name(part.field)]
            found.append(element("p", element("a", all_of, href=address)))
    return found


def _reliability(board: Scoreboard) -> Markup | None:
    if len(board.said) < FEWEST_TO_CALIBRATE:
        return None
    filled = bins(board.said)
    return reliability(filled, expected_calibration_error(filled))


def _lists(customer_id: str, measured: Measured) -> Markup:
    wanted: list[tuple[str, bool | None, bool | None]] = [
        ("All predictions", None, None),
        ("Wrong ones", False, None),
        ("Approved and wrong", False, True),
        ("Not approved, though right", True, False),
    ]
    items = []
    for words, right, approved in wanted:
        match = msgspec.structs.replace(measured.span, right=right, approved=approved)
        items.append(element("li", element("a", words, href=addresses.predictions(customer_id, match))))
    return element("ul", items, class_="links")


def _standing(standing: Standing) -> Markup:
    cut = standing.approving_from
    return fragment(
        facts(
            ("Approving", "yes" if standing.approving else "no"),
            ("From the score", None if cut is None else f"{cut:.4g}"),
            ("Outcomes since the last stop", f"{standing.outcomes_seen:,} of at least {standing.outcomes_needed:,}"),
            ("Stopped as its ways changed", count(standing.alarms, "time")),
        ),
        element(
            "p",
            "An order is approved by its score, which only ranks orders. The confidence in the answers is another "
            f"number, calibrated: of the orders answered with 90{TIED}%, 90 in 100 come true. Do not compare one with "
            "the other.",
            class_="lede",
        ),
    )


def _settings(standing: Standing, address: str) -> Markup:
    place = f"{address}{addresses.api(standing.customer_id)}"
    call = f"curl -s -X PATCH {place} -d '{{\"max_error\": {standing.max_error:g}}}'"
    return fragment(
        facts(
            ("At most wrong among the approved", f"{percent(standing.max_error)}"),
            (
                "Held back for a person, of what could be approved",
                f"{percent(standing.audit)}, once choices come in that nobody looked at",
            ),
        ),
        element("p", "To change them, over HTTP:"),
        element("pre", element("code", call), tabindex="0"),
    )
