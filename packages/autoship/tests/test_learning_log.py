"""A model is a fold over its log, whatever the log holds, however it was cut, and whenever the process was stopped."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from autoship.adapters.memory import MemoryHistory
from autoship.domain.batch import plan_batch
from autoship.domain.log import LogEntry
from autoship.domain.prediction import Judged
from autoship.domain.record import Record, choice_key
from autoship.learning import CustomerModel
from hypothesis import given, settings
from hypothesis import strategies as st
from learning_logs import (
    ODD_NAMES,
    PLAIN_NAMES,
    START,
    Log,
    entries_of,
    flattened,
    learn,
    learned,
    logs,
    orders,
    record,
)

TIE = 1e-4


@settings(max_examples=60, deadline=None)
@given(logs(), st.data())
def test_however_a_log_is_cut_and_restored_it_ends_in_the_same_bytes_and_predictions(
    log: Log, data: st.DataObject
) -> None:
    at_once = learned(flattened(log))
    stepwise = CustomerModel()
    for batch in log:
        learn(stepwise, batch)
        if data.draw(st.integers(0, 5)) == 0:
            stepwise = CustomerModel.from_bytes(stepwise.to_bytes())
    assert stepwise.to_bytes() == at_once.to_bytes()
    assert stepwise.summary() == at_once.summary()
    asked = [log[0][0].record.order, log[-1][-1].record.order, data.draw(orders())]
    for order in asked:
        assert stepwise.predict(order, START, "7") == at_once.predict(order, START, "7")


@settings(max_examples=40, deadline=None)
@given(logs(longest=60))
def test_asking_between_any_two_entries_changes_nothing(log: Log) -> None:
    asked = CustomerModel()
    for batch in log:
        for entry, _ in zip(batch, asked.learn(batch), strict=True):
            asked.predict(entry.record.order, START)
            asked.summary()
    assert asked.to_bytes() == learned(flattened(log)).to_bytes()


@settings(max_examples=60, deadline=None)
@given(logs(), orders())
def test_what_is_predicted_is_a_distribution_over_what_this_customer_has_chosen(
    log: Log, order: dict[str, Any]
) -> None:
    model = learned(flattened(log))
    made = {choice_key(entry.record.shipment) for entry in flattened(log)}
    for asked in (order, flattened(log)[-1].record.order):
        probabilities = model.probabilities(asked, START)
        assert len(probabilities) == len(model.classes()) == len(made)
        assert np.isfinite(probabilities).all()
        assert (probabilities >= 0).all()
        assert probabilities.sum() == pytest.approx(1, abs=1e-5)
        prediction = model.predict(asked, START, "7")
        assert prediction.shipment is not None
        named = [choice_key(prediction.shipment), *(choice_key(other.shipment) for other in prediction.alternatives)]
        assert len(set(named)) == len(named)
        assert set(named) <= made
        assert 0 < prediction.confidence < 1
        assert prediction.approved == (prediction.reason is None)
        assert prediction.confidence + sum(other.confidence for other in prediction.alternatives) <= 1 + 1e-4
        assert 1 <= len(prediction.because) <= 3
        assert (prediction.through, prediction.learned_from.orders) == (flattened(log)[-1].seq, len(flattened(log)))


@settings(max_examples=40, deadline=None)
@given(logs(longest=40))
def test_an_entry_is_judged_by_what_was_known_after_foreseen_after_and_by_nothing_later(log: Log) -> None:
    """Recounted with a model of its own for each entry, built from nothing but what it may know."""
    entries = flattened(log)
    model = CustomerModel()
    judged_by: dict[int, Judged] = {}
    model.approval.learn = _spy(model, judged_by)  # type: ignore[method-assign]
    for batch in log:
        learn(model, batch)
    for entry in entries:
        known = [earlier for earlier in entries if earlier.seq <= min(entry.foreseen_after, entry.seq - 1)]
        judged = judged_by.get(entry.seq)
        if entry.judged is not None:
            assert judged == entry.judged
        elif not known:
            assert judged is None
        else:
            assert judged is not None
            expected = learned(known)
            assert judged.through == known[-1].seq
            ranked = np.sort(expected.probabilities(entry.record.order, entry.record.ordered_at))[::-1]
            prediction = expected.predict(entry.record.order, entry.record.ordered_at, entry.record.order_id)
            assert judged.score == pytest.approx(prediction.score, abs=TIE)
            if len(ranked) == 1 or ranked[0] - ranked[1] > TIE:
                assert judged.shipment == prediction.shipment


def _spy(model: CustomerModel, judged_by: dict[int, Judged]) -> Any:
    rule = type(model.approval).learn

    def learn_and_note(judged: Judged, right: bool, person: bool, seq: int) -> None:
        judged_by[seq] = judged
        rule(model.approval, judged, right, person, seq)

    return learn_and_note


@settings(max_examples=40, deadline=None)
@given(logs(longest=80))
def test_what_the_summary_counts_can_be_recounted_from_the_judgements(log: Log) -> None:
    entries = flattened(log)
    model = CustomerModel()
    judged_by: dict[int, Judged] = {}
    model.approval.learn = _spy(model, judged_by)  # type: ignore[method-assign]
    for batch in log:
        learn(model, batch)
    seen = [e for e in entries if e.record.decided_by == "person" and e.seq in judged_by]
    right = [e for e in seen if choice_key(judged_by[e.seq].shipment) == choice_key(e.record.shipment)]
    approved = [e for e in seen if judged_by[e.seq].approved]
    summary = model.summary()
    assert (summary.predicted, summary.right, summary.approved) == (len(seen), len(right), len(approved))
    assert summary.approved_wrong == len([e for e in approved if e not in right])
    assert summary.orders == len(entries)
    assert summary.learned_until == max(entry.record.known_at for entry in entries)


@settings(max_examples=40, deadline=None)
@given(logs(names=PLAIN_NAMES), st.integers(0, 2**32))
def test_the_order_of_an_objects_fields_changes_nothing_that_is_predicted(log: Log, seed: int) -> None:
    model = learned(flattened(log))
    luck = random.Random(seed)
    for entry in flattened(log)[-5:]:
        order = entry.record.order
        one, other = model.predict(order, START), model.predict(_shuffled(order, luck), START)
        ranked = np.sort(model.probabilities(order, START))[::-1]
        if len(ranked) == 1 or ranked[0] - ranked[1] > TIE:
            assert one.shipment == other.shipment
        assert one.confidence == pytest.approx(other.confidence, abs=1e-4)


def test_a_customer_whose_fields_come_in_any_order_is_learned_alike() -> None:
    luck = random.Random(3)
    records = [_ruled(number, luck) for number in range(600)]
    turned = [msgspec.structs.replace(one, order=_shuffled(one.order, luck)) for one in records]
    one, other = learned(entries_of(records)), learned(entries_of(turned))
    for number in range(600, 660):
        asked = _ruled(number, luck)
        said, also = (model.predict(asked.order, asked.ordered_at) for model in (one, other))
        assert said.shipment == also.shipment
        assert said.confidence == pytest.approx(also.confidence, abs=0.02)


def _ruled(number: int, luck: random.Random) -> Record:
    weight, country = luck.randrange(1, 900), luck.choice(["US", "DE", "FR"])
    order = {
        "weight": weight,
        "ship_to": {"country": country, "state": luck.choice(["TX", "NY"])},
        "items": [{"sku": f"A{luck.randrange(9)}", "quantity": 1}],
        "gift": luck.random() < 0.5,
    }
    return record(number, order, {"carrier": "UPS" if weight > 300 and country == "US" else "DHL"})


def _shuffled(node: Any, luck: random.Random) -> Any:
    """The same JSON, the fields of each object in another order."""
    if isinstance(node, dict):
        items = [(name, _shuffled(child, luck)) for name, child in node.items()]
        luck.shuffle(items)
        return dict(items)
    return [_shuffled(child, luck) for child in node] if isinstance(node, list) else node


@settings(max_examples=30, deadline=None)
@given(logs(longest=80, names=ODD_NAMES), st.data())
def test_after_an_edit_a_rebuild_ends_as_if_the_log_had_always_been_so(log: Log, data: st.DataObject) -> None:
    entries = flattened(log)
    place = data.draw(st.integers(0, len(entries) - 1))
    if data.draw(st.booleans()):
        corrected = msgspec.structs.replace(
            entries[place].record, order=data.draw(orders()), shipment={"carrier": "new"}
        )
        edited = [*entries[:place], msgspec.structs.replace(entries[place], record=corrected), *entries[place + 1 :]]
    else:
        edited = [*entries[:place], *entries[place + 1 :]]
    stopped = CustomerModel.from_bytes(learned([e for e in edited if e.seq <= log[0][-1].seq]).to_bytes())
    rest = [e for e in edited if e.seq > log[0][-1].seq]
    assert learn(stopped, rest).to_bytes() == learned(edited).to_bytes()


async def test_a_history_that_was_corrected_holds_the_log_that_it_would_have_been() -> None:
    luck = random.Random(1)
    right = [_ruled(number, luck) for number in range(150)]
    wrong = [
        msgspec.structs.replace(one, shipment={"carrier": "typo"}) if luck.random() < 0.2 else one for one in right
    ]
    always, mended = MemoryHistory(), MemoryHistory()
    for start in range(0, 150, 25):
        await always.append("acme", right[start : start + 25])
        await mended.append("acme", wrong[start : start + 25])
    await mended.append("acme", right)
    rebuilt = learned((await mended.read("acme")).entries)
    assert rebuilt.to_bytes() == learned((await always.read("acme")).entries).to_bytes()
    assert "typo" not in json.dumps(rebuilt.classes())


def test_of_entries_deleted_around_it_an_entry_keeps_its_judgement_and_learns_nothing_ahead() -> None:
    """Once entries 5, 6 and 8 are gone, entry 9, foreseen after 5, is judged by what 4 left, before 7 is learned."""
    records = [_ruled(number, random.Random(number)) for number in range(13)]
    log = [
        LogEntry(seq, records[seq], foreseen) for seq, foreseen in ((1, 0), (2, 1), (4, 3), (7, 6), (9, 5), (12, 10))
    ]
    model = CustomerModel()
    judged_by: dict[int, Judged] = {}
    model.approval.learn = _spy(model, judged_by)  # type: ignore[method-assign]
    learn(model, log)
    assert {seq: judged.through for seq, judged in judged_by.items()} == {2: 1, 4: 2, 7: 4, 9: 4, 12: 9}


def test_outcomes_that_come_late_are_judged_by_what_was_known_when_they_were_ordered() -> None:
    records = [
        msgspec.structs.replace(_ruled(n, random.Random(n)), shipped_at=START + timedelta(hours=n + 30))
        for n in range(80)
    ]
    entries = plan_batch(records, stored={}, served={}, last_seq=0).entries
    assert all(entry.foreseen_after <= max(0, entry.seq - 30) for entry in entries)
    model = CustomerModel()
    judged_by: dict[int, Judged] = {}
    model.approval.learn = _spy(model, judged_by)  # type: ignore[method-assign]
    learn(model, entries)
    assert [judged_by[entry.seq].through for entry in entries if entry.foreseen_after] == [
        entry.foreseen_after for entry in entries if entry.foreseen_after
    ]
    assert all(entry.seq not in judged_by for entry in entries if entry.foreseen_after == 0)
