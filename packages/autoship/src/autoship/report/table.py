"""A replay as a table for the terminal: autoship beside the baselines, approvals, calibration, times, customers."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

from autoship.replay.summary import AUTOSHIP, Customer, Summary, Times, Window
from autoship.report.words import NOTHING, REASONS, TIED, count, percent, printable

FEW_CUSTOMERS = 20
SHOWN_OF_MANY = 5


def table(summary: Summary) -> str:
    """The whole text, ending in a newline."""
    parts = [_head(summary), _accuracy(summary), _approvals(summary), _reasons(summary.last_fifth), _customers(summary)]
    return "\n\n".join(part for part in parts if part).replace(TIED, " ") + "\n"


def _head(summary: Summary) -> str:
    text = f"{count(summary.orders, 'order')} of {count(summary.customers, 'customer')}"
    if summary.first_ordered_at and summary.last_ordered_at:
        text += f", {summary.first_ordered_at:%Y-%m-%d} to {summary.last_ordered_at:%Y-%m-%d}"
    lines = [text + "; each predicted when it was placed, learned when its shipment was known."]
    if summary.unseen:
        lines.append(f"{count(summary.unseen, 'order')} that nobody looked at: learned, not measured.")
    if summary.reading and summary.reading.replaced:
        lines.append(f"{count(summary.reading.replaced, 'record')} came again for the same order: the last one counts.")
    if summary.baseline_key:
        lines.append(f"The key of the last baseline: {printable(', '.join(summary.baseline_key), 200)}.")
    return "\n".join(lines)


def _accuracy(summary: Summary) -> str:
    names = [AUTOSHIP, *summary.baselines]
    rows: list[Sequence[str]] = [("right", *names)]
    for title, window in _windows(summary):
        rows.append((f"{title}, {count(window.orders, 'order')}", *("" for _ in names)))
        rows.append(("  the whole choice", *(percent(window.accuracy[name]) for name in names)))
        if len(window.fields) > 1:
            rows += [
                (f"  {printable(field)}", *(percent(shares[name]) for name in names))
                for field, shares in window.fields.items()
            ]
    return _aligned(rows)


def _approvals(summary: Summary) -> str:
    promise = percent(summary.max_error)
    cells: list[tuple[str, Callable[[Window], str]]] = [
        ("approved without a look", lambda w: percent(w.share_approved)),
        ("wrong among the approved", lambda w: percent(w.error_approved)),
        ("  that is", lambda w: f"{w.approved_wrong:,} of {w.approved:,}"),
        ("customers with approvals", lambda w: f"{w.customers_approved:,}"),
        (f"  of them over the promise of {promise}", lambda w: f"{len(w.customers_over):,}"),
        ("calibration error (ECE)", lambda w: NOTHING if w.ece is None else f"{w.ece:.3f}"),
        ("to predict, µs: p50 / p99", lambda w: _times(w.predict)),
        ("to learn, µs: p50 / p99", lambda w: _times(w.learn)),
        ("to learn, µs: mean", lambda w: f"{w.learn.mean_us:,.0f}" if w.learn else NOTHING),
        ("orders a second, learned and predicted", lambda w: f"{w.orders_per_s:,.0f}" if w.orders_per_s else NOTHING),
    ]
    windows = _windows(summary)
    rows = [("", *(title for title, _ in windows))]
    rows += [(name, *(cell(window) for _, window in windows)) for name, cell in cells]
    return _aligned(rows)


def _reasons(window: Window) -> str:
    if not window.not_approved:
        return ""
    rows = [("not approved, last fifth", "orders")]
    rows += [(f"  {REASONS.get(reason, reason)}", f"{orders:,}") for reason, orders in window.not_approved.items()]
    return _aligned(rows)


def _customers(summary: Summary) -> str:
    rows: list[Sequence[str]] = [
        ("customers, last fifth", "all orders", "choices", "right", "best baseline", "approved", "wrong", "promise")
    ]
    for title, customers in _chosen(summary.by_customer):
        if title:
            rows.append((title, *("" for _ in rows[0][1:])))
        rows += [_customer(customer, summary.baselines) for customer in customers]
    return _aligned(rows) if len(rows) > 1 else ""


def _chosen(customers: Sequence[Customer]) -> list[tuple[str, Sequence[Customer]]]:
    """All where there are few; else the largest, the worst and the best, and any over the promise."""
    if len(customers) <= FEW_CUSTOMERS:
        return [("", customers)]
    measured = [customer for customer in customers if customer.last_fifth.orders]
    worst = sorted(measured, key=lambda customer: (customer.last_fifth.accuracy[AUTOSHIP] or 0.0, -customer.orders))
    best = sorted(measured, key=lambda customer: (-(customer.last_fifth.accuracy[AUTOSHIP] or 0.0), -customer.orders))
    over = [customer for customer in customers if customer.last_fifth.over or customer.all.over]
    groups: list[tuple[str, Sequence[Customer]]] = [
        (f"the {SHOWN_OF_MANY} largest of {len(customers):,}", customers[:SHOWN_OF_MANY]),
        (f"the {SHOWN_OF_MANY} least right", worst[:SHOWN_OF_MANY]),
        (f"the {SHOWN_OF_MANY} most right", best[:SHOWN_OF_MANY]),
        ("over the promise", over),
    ]
    return [(title, group) for title, group in groups if group]


def _customer(customer: Customer, baselines: Sequence[str]) -> Sequence[str]:
    score = customer.last_fifth
    rival = max((score.accuracy[name] or 0.0 for name in baselines), default=None) if score.orders else None
    return (
        f"  {printable(customer.customer_id, 32)}",
        f"{customer.orders:,}",
        f"{customer.choices:,}",
        percent(score.accuracy[AUTOSHIP]),
        percent(rival),
        percent(score.share_approved),
        percent(score.error_approved),
        verdict(customer),
    )


def verdict(customer: Customer) -> str:
    """What to say of the promise to this customer, in a word or two."""
    if customer.last_fifth.over or customer.all.over:
        return "broken"
    return "kept" if customer.all.approved else "not used"


def _windows(summary: Summary) -> list[tuple[str, Window]]:
    return [("last fifth", summary.last_fifth), ("all", summary.all)]


def _times(times: Times | None) -> str:
    return NOTHING if times is None else f"{times.p50_us:,.0f} / {times.p99_us:,.0f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right, as wide as their widest cell."""
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        first, *rest = (" " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        line = row[0] + first + "".join(f"  {pad}{cell}" for pad, cell in zip(rest, row[1:], strict=True))
        lines.append(line.rstrip())
    return "\n".join(lines)


def _width(text: str) -> int:
    """Columns in a terminal: wide East Asian characters take two, combining marks none (Unicode TR 11)."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
