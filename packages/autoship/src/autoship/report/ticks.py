"""Where an axis has its ticks, and what stands beside them: round numbers, and the starts of years, months and days."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import msgspec

_Starts: TypeAlias = Callable[[datetime, datetime, int], list[datetime]]
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Tick(msgspec.Struct, frozen=True):
    """A place on an axis and its label."""

    value: float
    label: str


def round_steps(low: float, high: float, count: int = 5) -> list[float]:
    """Multiples of 1, 2, 2.5 or 5 times a power of ten from ``low`` to ``high``, about ``count`` of them.

    After Heckbert 1990, "Nice Numbers for Graph Labels" (Graphics Gems I). Both ends of the range must be finite.
    """
    if not high > low:
        return [low]
    rough = (high - low) / max(1, count - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1, 2, 2.5, 5, 10)), key=lambda step: abs(math.log(step / rough)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)]


def share_ticks(low: float, high: float, count: int = 5) -> list[Tick]:
    """Ticks of an axis of shares, in per cent."""
    return [Tick(value, f"{value * 100:g} %") for value in (round(step, 10) for step in round_steps(low, high, count))]


def time_ticks(first: datetime, last: datetime, count: int = 5) -> list[Tick]:
    """The starts of years, quarters, months, weeks, days or hours between two times, at most ``count`` + 1 of them.

    Values are seconds since 1970, for `datetime.timestamp` as the axis.
    """
    for starts, label in _CALENDAR:
        times = starts(first, last, count + 2)
        if len(times) <= count + 1:
            if len(times) > 1:
                return [Tick(time.timestamp(), label(time)) for time in times]
            break
    return [Tick(time.timestamp(), f"{_day(time)} {time.year}") for time in dict.fromkeys((first, last))]


def _hour(time: datetime) -> str:
    return f"{time:%H:%M}"


def _day(time: datetime) -> str:
    return f"{time.day} {_MONTHS[time.month - 1]}"


def _day_and_hour(time: datetime) -> str:
    return f"{_day(time)} {time:%H:%M}"


def _month(time: datetime) -> str:
    return f"{_MONTHS[time.month - 1]} {time.year}"


def _year(time: datetime) -> str:
    return str(time.year)


def _months(step: int) -> _Starts:
    def starts(first: datetime, last: datetime, most: int) -> list[datetime]:
        month = first.year * 12 + first.month - 1
        month = -(-month // step) * step
        found: list[datetime] = []
        while len(found) < most:
            time = datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC)
            if time > last:
                break
            if time >= first:
                found.append(time)
            month += step
        return found

    return starts


def _spans(step: timedelta) -> _Starts:
    def starts(first: datetime, last: datetime, most: int) -> list[datetime]:
        since = datetime(1970, 1, 1, tzinfo=UTC)
        time = since + -(-(first - since) // step) * step
        found: list[datetime] = []
        while time <= last and len(found) < most:
            found.append(time)
            time += step
        return found

    return starts


_CALENDAR: list[tuple[_Starts, Callable[[datetime], str]]] = [
    (_spans(timedelta(hours=1)), _hour),
    (_spans(timedelta(hours=3)), _hour),
    (_spans(timedelta(hours=6)), _day_and_hour),
    (_spans(timedelta(days=1)), _day),
    (_spans(timedelta(days=2)), _day),
    (_spans(timedelta(days=7)), _day),
    (_months(1), _month),
    (_months(2), _month),
    (_months(3), _month),
    (_months(6), _month),
    (_months(12), _year),
    (_months(24), _year),
    (_months(60), _year),
    (_months(120), _year),
    (_months(600), _year),
]
"""Steps of an axis of time, finest first."""
