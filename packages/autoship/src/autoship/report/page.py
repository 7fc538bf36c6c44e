"""A replay as one page of HTML for the people who ship: no script, nothing loaded from elsewhere.

What comes from data is escaped where the page is put together (`markup`): no name of a customer is ever markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from autoship.replay.summary import AUTOSHIP, Customer, Score, Summary, Times
from autoship.report.markup import Markup, element, fragment
from autoship.report.plots import METHODS, accuracy_over_time, reliability, risk_against_coverage
from autoship.report.style import STYLE
from autoship.report.svg import sparkline
from autoship.report.table import verdict
from autoship.report.words import NOTHING, REASONS, count, of_hundred, percent, printable

TITLE = "How autoship would have shipped these orders"
MOST_CUSTOMERS = 200
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
VERDICTS = {
    "kept": "kept",
    "broken": "broken",
    "not used": "nothing approved",
}


def page(summary: Summary) -> str:
    """The whole document."""
    plots = [
        _section("Right over time", accuracy_over_time(summary)),
        _section("How much can be approved", risk_against_coverage(summary)),
        _section(
            "Can its confidence be believed?", reliability(summary.last_fifth.reliability, summary.last_fifth.ece)
        ),
        _section("Why orders were left to a person", _reasons(summary)),
    ]
    body = element(
        "body",
        element("header", element("h1", TITLE), element("p", _lede(summary), class_="lede")),
        element(
            "main",
            _headline(summary),
            element("div", plots, class_="plots"),
            _section("Which part of the choice", _fields(summary)),
            _section("Customer by customer", _customers(summary)),
        ),
        element("footer", _how(summary)),
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("title", TITLE),
        element("style", Markup(STYLE)),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _lede(summary: Summary) -> str:
    text = f"{count(summary.orders, 'past order')} of {count(summary.customers, 'customer')}"
    if summary.first_ordered_at and summary.last_ordered_at:
        text += f", from {summary.first_ordered_at:%Y-%m-%d} to {summary.last_ordered_at:%Y-%m-%d}"
    return (
        f"{text}, were shown to autoship one by one, as they came in. Each was predicted before its shipment was "
        "known, and learned once it was. Unless it says otherwise, the numbers here are about the newest fifth of each "
        "customer's orders."
    )


def _headline(summary: Summary) -> Markup:
    return element("ul", [element("li", parts) for parts in _numbers(summary)], class_="numbers")


def _numbers(summary: Summary) -> Iterator[Markup]:
    window = summary.last_fifth
    right = window.accuracy[AUTOSHIP]
    if right is not None:
        rivals = [(window.accuracy[name] or 0.0, name) for name in summary.baselines]
        best, name = max(rivals, default=(0.0, ""))
        beside = f" The best simple rule, “{METHODS.get(name, name)}”: {of_hundred(best)}." if rivals else ""
        yield _number(
            percent(right), f"Of 100 orders, autoship named the right shipment for {of_hundred(right)}.{beside}"
        )
    if window.share_approved is not None:
        yield _number(
            percent(window.share_approved),
            f"Of 100 orders, {of_hundred(window.share_approved)} were approved without a look.",
        )
    if window.error_approved is not None:
        yield _number(
            percent(window.error_approved),
            f"Of 100 orders that were approved without a look, {of_hundred(window.error_approved)} "
            f"{'was' if round(window.error_approved * 100) == 1 else 'were'} wrong "
            f"({window.approved_wrong:,} of {window.approved:,}).",
        )
    yield _promise(summary)


def _promise(summary: Summary) -> Markup:
    most = f"at most {of_hundred(summary.max_error)} of 100 approved orders wrong"
    tested = sum(1 for customer in summary.by_customer if customer.all.approved)
    over = sum(1 for customer in summary.by_customer if verdict(customer) == "broken")
    if not tested:
        return _number("No promise yet", f"Nothing was approved, so the promise ({most}) was not put to the test.")
    if over:
        told = f"The promise ({most}) was broken, beyond chance, for {over:,} of {count(tested, 'customer')}."
        return _number("Promise broken", told, "broken")
    return _number("Promise kept", f"The promise: {most}. Kept for {_everyone(tested)} with approvals.", "kept")


def _everyone(customers: int) -> str:
    return "the one customer" if customers == 1 else f"each of {customers:,} customers"


def _number(figure: str, words: str, style: str | None = None) -> Markup:
    return fragment(element("strong", figure, class_=style), element("span", words))


def _section(title: str, content: Markup | None) -> Markup | None:
    return None if content is None else element("section", element("h2", title), content)


def _reasons(summary: Summary) -> Markup | None:
    window = summary.last_fifth
    if not window.not_approved:
        return None
    rows = [
        (_sentence(REASONS.get(reason, reason)), f"{orders:,}", percent(orders / window.orders))
        for reason, orders in window.not_approved.items()
    ]
    return _table(("the reason", "orders", "of all"), rows)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _fields(summary: Summary) -> Markup | None:
    fields = summary.last_fifth.fields
    if len(fields) < 2:
        return None
    names = [AUTOSHIP, *summary.baselines]
    rows = [(printable(field), *(percent(shares[name]) for name in names)) for field, shares in fields.items()]
    words = "A shipment is right when all of its parts are. Each part by itself was right so often:"
    table = _table(("the part", *(METHODS.get(name, name) for name in names)), rows)
    return fragment(element("p", words), table)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """Rows that become blocks on a narrow screen, each cell with its heading beside it."""
    cells = [
        element(
            "tr",
            element("th", row[0], scope="row", role="rowheader"),
            [element("td", cell, data_label=head, role="cell") for head, cell in zip(heads[1:], row[1:], strict=True)],
            role="row",
        )
        for row in rows
    ]
    columns = [element("th", head, scope="col", role="columnheader") for head in heads]
    return element(
        "table",
        element("thead", element("tr", columns, role="row"), role="rowgroup"),
        element("tbody", cells, role="rowgroup"),
        class_="customers",
        role="table",
    )


def _customers(summary: Summary) -> Markup | None:
    if not summary.by_customer:
        return None
    broken = [customer for customer in summary.by_customer[MOST_CUSTOMERS:] if verdict(customer) == "broken"]
    shown = [*summary.by_customer[:MOST_CUSTOMERS], *broken]
    left_out = summary.customers - len(shown)
    heads = (
        "customer",
        "right over time",
        "all orders",
        "right",
        "approved",
        "wrong of these",
        "wrong since the start",
        "the promise",
    )
    words = "The line shows the share of right predictions from the first order to the last, from 0 to 100 %."
    return fragment(
        element("p", words),
        _table(heads, [_customer(customer) for customer in shown]),
        element("p", f"And {count(left_out, 'smaller customer')}: see --json.") if left_out else None,
    )


def _customer(customer: Customer) -> tuple[str, ...]:
    score, word = customer.last_fifth, verdict(customer)
    style = word if word in ("kept", "broken") else None
    return (
        printable(customer.customer_id, 128),
        _trend(customer.trend),
        f"{customer.orders:,}",
        percent(score.accuracy[AUTOSHIP]),
        percent(score.share_approved),
        _wrong(score),
        _wrong(customer.all),
        element("span", VERDICTS[word], class_=style),
    )


def _trend(trend: Sequence[float]) -> str:
    if len(trend) < 2:
        return NOTHING
    return sparkline(trend, f"right: {percent(trend[0])} at first, {percent(trend[-1])} at the end")


def _wrong(score: Score) -> str:
    return f"{score.approved_wrong:,} of {score.approved:,}" if score.approved else NOTHING


def _how(summary: Summary) -> Markup:
    window, reading = summary.last_fifth, summary.reading
    facts = [
        "A shipment is revealed at shipped_at, or a day after the order where that is missing, and never sooner.",
        f"The promise is judged for each customer by a one-sided exact binomial test at {percent(0.05)} with Holm's "
        "correction (Holm 1979), over the newest fifth and over all orders.",
        "The distance of confidence from what came true is the expected calibration error in 15 bins (Naeini et al. "
        "2015).",
        f"To predict one order took {_took(window.predict)}, to learn one {_took(window.learn)}.",
    ]
    if summary.baseline_key:
        keys = printable(", ".join(summary.baseline_key), 200)
        facts.append(
            f"An order is like another where these are equal: {keys}. Where none is, the commonest choice counts."
        )
    if summary.unseen:
        facts.append(f"{count(summary.unseen, 'order')} that nobody looked at: learned, but not counted here.")
    if reading and reading.replaced:
        facts.append(f"{count(reading.replaced, 'record')} came again for the same order: the last one counts.")
    if reading and reading.bad:
        facts.append(f"{count(reading.bad, 'line')} could not be read, and were left out.")
    if reading:
        facts.append(f"Read from {', '.join(printable(file, 200) for file in reading.files)}.")
    return element(
        "details", element("summary", "How this was measured"), element("ul", [element("li", f) for f in facts])
    )


def _took(times: Times | None) -> str:
    if times is None:
        return NOTHING
    return f"{times.p50_us:,.0f} µs in the median ({times.p99_us:,.0f} µs in the slowest of 100)"
