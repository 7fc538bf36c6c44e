"""Why a choice was predicted, in words, with counts of this customer's own orders that anybody can recount."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from autoship.domain.prediction import Because
from autoship.learning.contexts import WHOLE, Key, whole_of
from autoship.learning.flatten import COUNT, OCTAVE, PREFIX, QUARTER, SEPARATOR, WEEKDAY, Flat, Value, bin_range
from autoship.learning.window import SIZE, Context, Window

MOST = 2
CONSIDERED = 6
CONVINCING = 0.95
"""The share of agreeing orders from which on one reason is enough."""
LEAST_WEIGHT = 0.05
"""In logits: what moves the prediction less is no reason."""
_BOOLEAN = "\x00"
_LATELY = f" among the last {SIZE:,}"
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def reasons(flat: Flat, speaking: Sequence[Key], choice: int, rate: float, window: Window) -> tuple[Because, ...]:
    """One or two reasons for ``choice``, from the keys whose contexts speak for it, the strongest first: of the orders
    in the window that share a key's values with this one, how many went this way. Always at least one; the last resort
    is how often the choice was made at all. A share no better than ``rate``, the choice's own, is no reason."""
    given: list[Because] = []
    fields: set[tuple[str, ...]] = set()
    for key in speaking:
        if not key.paths or key.fields in fields:
            continue
        because = _because(flat, key, choice, rate, window)
        if because is not None:
            fields.add(key.fields)
            given.append(because)
            if len(given) == MOST or because.agreeing >= CONVINCING * because.orders:
                return tuple(given)
    if given:
        return tuple(given)
    orders, agreeing = window.count((), (), choice)
    return (Because(f"{agreeing:,} of the last {orders:,} orders went this way", orders, agreeing),)


def _because(flat: Flat, key: Key, choice: int, rate: float, window: Window) -> Because | None:
    paths = key.paths
    values: list[Context] = [whole_of(flat.values) if path == WHOLE else flat.values.get(path) for path in paths]
    if None in values or any(_misses_some(path, value) for path, value in zip(paths, values, strict=True)):
        return None
    orders, agreeing = window.count(paths, values, choice)
    if agreeing <= rate * orders:
        return None
    shared = _shared(flat, key)
    if window.length == SIZE:
        shared += _LATELY
    if orders > agreeing:
        text = f"{_count(agreeing)} of {_count(orders)} orders {shared} went this way"
    elif orders > 1:
        text = f"all {_count(orders)} orders {shared} went this way"
    else:
        text = f"the only order {shared} went this way"
    return Because(text, orders, agreeing)


def _misses_some(path: str, value: Context) -> bool:
    """Whether a code's beginning is also that of plain words, which are not counted with it (`flatten`): nobody could
    recount it."""
    return path.endswith(PREFIX) and isinstance(value, str) and value.isalpha()


def _shared(flat: Flat, key: Key) -> str:
    """What orders have in common, as it follows the word «orders»."""
    if key.paths[0] == WHOLE:
        return "just like this one"
    said = [_words(path, field, flat.values.get(path)) for path, field in key.named]
    if len(said) == len(key.paths):
        return f"with {_list(said)}"
    day = flat.values.get(WEEKDAY)
    on = f"of a {_DAYS[day]}" if isinstance(day, int) else "of any day"
    return f"{on} with {_list(said)}" if said else on


@lru_cache(maxsize=4096, typed=True)
def _words(path: str, field: str, value: Value) -> str:
    if "[]" in path:
        field = f"only {field}"
    if SEPARATOR not in path:
        return f"{field} {value[1:] if isinstance(value, str) and value.startswith(_BOOLEAN) else value}"
    if path.endswith(COUNT):
        return f"{value} {field}"
    if path.endswith(PREFIX):
        return f"one-word {field} {value}…"
    if path.endswith((OCTAVE, QUARTER)):
        span = bin_range(path, value)
        return f"{field} 0" if span is None else f"{field} from {_number(span[0])} to under {_number(span[1])}"
    return f"{field} {value}"


def _count(orders: int) -> str:
    return f"{orders:,}" if orders >= 1_000 else str(orders)


def _number(number: float) -> str:
    return f"{number:,.0f}" if 100 <= abs(number) < 1e15 else f"{number:.3g}"


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
