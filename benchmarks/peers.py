"""The models that others would take, given the same orders at the same moments: trained once, and retrained weekly.

Each is scored on the last fifth of a customer's orders. ``once`` is trained on what had been revealed when that fifth
began; ``weekly`` again at the start of each week of order time, on all that had been revealed by then. Settings are the
best of some that were tried on the very orders that are scored, which favours the peers.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from autoship.domain.record import Record, choice_key
from numpy.typing import NDArray
from peers_encoding import Encoder, Flat, Rows

WEEK = timedelta(days=7)


class Classifier(Protocol):
    """What is used of scikit-learn's interface."""

    def fit(self, rows: Rows, labels: NDArray[np.int64]) -> Any:
        """Trains it anew."""

    def predict(self, rows: Rows) -> NDArray[np.int64]:
        """A label for each row."""


def random_forest(trees: int = 200, jobs: int = 1) -> Classifier:
    """scikit-learn's random forest."""
    model: Classifier = importlib.import_module("sklearn.ensemble").RandomForestClassifier(
        n_estimators=trees, max_features="sqrt", min_samples_leaf=1, n_jobs=jobs, random_state=0
    )
    return model


def hist_gradient_boosting() -> Classifier:
    """scikit-learn's histogram boosting, held back: without that it collapses where a choice is rare."""
    model: Classifier = importlib.import_module("sklearn.ensemble").HistGradientBoostingClassifier(
        learning_rate=0.2,
        max_iter=30,
        max_leaf_nodes=8,
        min_samples_leaf=10,
        l2_regularization=10.0,
        early_stopping=False,
        random_state=0,
    )
    return model


def lightgbm() -> Classifier:
    """LightGBM. Its default ``min_sum_hessian_in_leaf`` of 0.001 collapses where a choice is rare."""
    model: Classifier = importlib.import_module("lightgbm").LGBMClassifier(
        n_estimators=100,
        learning_rate=0.1,
        num_leaves=31,
        min_child_samples=3,
        min_child_weight=0.05,
        reg_lambda=1.0,
        feature_fraction=0.3,
        n_jobs=1,
        random_state=0,
        verbose=-1,
    )
    return model


class Peer(NamedTuple):
    """A model with the encoding that it does best with, and both in words."""

    make: Callable[[], Classifier]
    columns: int
    timed: bool
    settings: str


PEERS: Mapping[str, Peer] = {
    "random forest": Peer(random_forest, 400, True, "200 trees, sqrt of 400 columns with the time, leaves of 1"),
    "HistGradientBoosting": Peer(
        hist_gradient_boosting, 150, False, "30 rounds of 0.2, 8 leaves of at least 10, l2 10, 150 columns"
    ),
    "LightGBM": Peer(
        lightgbm,
        400,
        False,
        "100 rounds of 0.1, 31 leaves of at least 3, min_sum_hessian_in_leaf 0.05, l2 1, 30 % of 400 columns",
    ),
}


def right_of(records: Sequence[Record], peer: str) -> tuple[int, int]:
    """How many of the last fifth of one customer's orders, sorted by ``ordered_at``, a peer has right: once, weekly."""
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    flats = [Flat(record) for record in records]
    choices = [choice_key(record.shipment) for record in records]
    scored = [place for place in range(len(records) * 4 // 5, len(records)) if records[place].decided_by == "person"]
    if not scored:
        return 0, 0
    start = records[len(records) * 4 // 5].ordered_at

    @cache
    def trained(moment: datetime) -> Callable[[Sequence[Flat]], list[str | None]]:
        known = [place for place, record in enumerate(records) if record.known_at <= moment]
        return fitted(PEERS[peer], [flats[place] for place in known], [choices[place] for place in known])

    def right(places: Sequence[int], moment: datetime) -> int:
        said = trained(moment)([flats[place] for place in places])
        return sum(choice == choices[place] for choice, place in zip(said, places, strict=True))

    weeks: dict[int, list[int]] = {}
    for place in scored:
        weeks.setdefault((records[place].ordered_at - start) // WEEK, []).append(place)
    return right(scored, start), sum(right(places, start + week * WEEK) for week, places in weeks.items())


def fitted(peer: Peer, flats: Sequence[Flat], choices: Sequence[str]) -> Callable[[Sequence[Flat]], list[str | None]]:
    """A peer trained on these orders, as a function; with one choice or none there is nothing to train."""
    classes = sorted(set(choices))
    if len(classes) < 2:
        only = classes[0] if classes else None
        return lambda others: [only] * len(others)
    encoder, model = Encoder(flats, peer.columns, peer.timed), peer.make()
    codes = {choice: code for code, choice in enumerate(classes)}
    model.fit(encoder.rows(flats), np.array([codes[choice] for choice in choices]))
    return lambda others: [classes[code] for code in model.predict(encoder.rows(others))]
