"""Numbers as Prometheus reads them: its text format, version 0.0.4. Knows how it is written, not what it is about.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import msgspec

MEDIA_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

Labels: TypeAlias = Mapping[str, str]


class Metric(msgspec.Struct, frozen=True):
    """What is measured: ``kind`` is counter, gauge or histogram; ``labels`` are the names of its labels."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


class Sample(msgspec.Struct, frozen=True):
    """One number; of a histogram, ``suffix`` says which of its numbers."""

    value: float
    labels: Labels = {}
    suffix: str = ""


def histogram(bounds: Iterable[float], counts: Iterable[int], total: float, labels: Labels) -> list[Sample]:
    """The samples of a histogram from its counts by bucket, the last of them above all ``bounds``."""
    reached = 0
    samples = []
    for bound, counted in zip([*map(_number, bounds), "+Inf"], counts, strict=True):
        reached += counted
        samples.append(Sample(reached, {**labels, "le": bound}, "_bucket"))
    return [*samples, Sample(total, labels, "_sum"), Sample(reached, labels, "_count")]


def render(families: Iterable[tuple[Metric, Iterable[Sample]]]) -> bytes:
    """All of it as text. A metric without a sample is left out."""
    lines: list[str] = []
    for metric, samples in families:
        written = [f"{metric.name}{one.suffix}{_labels(one.labels)} {_number(one.value)}" for one in samples]
        if written:
            lines += [f"# HELP {metric.name} {_escaped(metric.help)}", f"# TYPE {metric.name} {metric.kind}", *written]
    return ("\n".join(lines) + "\n").encode()


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value, quote=True)}"' for name, value in labels.items()) + "}"


def _escaped(text: str, *, quote: bool = False) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quote else text


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
