"""The two samples of rows: those of validation with the lowest hashes, those of the warm start that rank lowest."""

from collections import Counter

import numpy as np
import pytest
from mappers import NO_LIMIT, WAYS, arrivals, block, cut, in_order, shards_of, warm, written

from mrdl.data.hashing import warm_rank
from mrdl.rounds.events import Noted, RoundDone
from mrdl.rounds.validation import Validation
from mrdl.settings.config import TrainConfig
from mrdl.shards import placing
from mrdl.shards.loaded import LoadedShard


@pytest.fixture
def rows(table) -> tuple[np.ndarray, np.ndarray]:
    """The digits: features (1797, 64) uint8, and the label of each row as text."""
    return table.features, table.targets.astype(str)


# --- validation sample ---


@pytest.mark.parametrize("buffer", [1, 5_000, NO_LIMIT])
def test_the_sample_is_the_validation_rows_with_the_lowest_hashes(rows, monkeypatch, buffer):
    config = TrainConfig(shards=2, validation=0.5)
    blocks = cut(*rows, 60)
    hashes = np.sort(shards_of(blocks, config=config)[-1].hashes)
    monkeypatch.setattr(placing, "VALIDATION_ROWS", 40)
    monkeypatch.setattr(placing, "BUFFER_BYTES", buffer)
    sent = shards_of(blocks[:9], blocks[9:], config=config)[-1]
    sample = LoadedShard(written(sent, most=40), NO_LIMIT)
    np.testing.assert_array_equal(sample.hashes, hashes[:40])


def test_a_mapper_sends_few_validation_rows_beyond_those_that_are_kept(rows, monkeypatch):
    """In a random order the i-th row is among the k lowest so far with chance k / i: k (1 + ln(n / k)) in all."""
    monkeypatch.setattr(placing, "VALIDATION_ROWS", 40)
    config = TrainConfig(shards=2, validation=0.5)
    *shards, sent = shards_of(cut(*rows, 5), config=config)
    rows = 1797 - sum(len(shard.hashes) for shard in shards)
    assert shards[0].statistics.validation_rows == rows
    assert 40 <= len(sent.hashes) < 1.3 * 40 * (1 + np.log(rows / 40))


# --- the warm start's sample ---


@pytest.mark.parametrize("buffer", [1, 5_000, NO_LIMIT])
def test_the_warm_start_has_the_training_rows_that_rank_lowest(rows, monkeypatch, buffer):
    blocks = cut(*rows, 60)
    hashes = np.concatenate([shard.hashes for shard in shards_of(blocks)[:-1]])
    monkeypatch.setattr("mrdl.settings.config.WARM_ROWS", 40)
    monkeypatch.setattr(placing, "BUFFER_BYTES", buffer)
    sample = warm(blocks[:9], blocks[9:]).lowest(40, warm_rank)
    assert sorted(sample.hashes) == sorted(hashes[np.argsort(warm_rank(hashes))[:40]])
    assert (np.diff(sample.hashes[sample.order].astype(object)) >= 0).all(), "in the order of a shard"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("most", [1, 60, 5000])
def test_the_warm_starts_sample_is_the_same_whatever_way_its_rows_came(rows, way, most):
    known = warm([block(*rows)]).lowest(most, warm_rank)
    found = warm(*arrivals(*rows)[way]).lowest(most, warm_rank)
    assert in_order(found) == in_order(known)
    assert written(found) == written(known)


def test_a_smaller_sample_lies_in_a_larger_one(rows):
    whole = warm([block(*rows)])
    large = whole.lowest(200, warm_rank)
    assert in_order(large.lowest(50, warm_rank)) == in_order(whole.lowest(50, warm_rank))
    assert in_order(whole.lowest(10_000, warm_rank)) == in_order(whole)


def test_a_sample_of_many_copies_of_few_rows_has_exactly_as_many_as_asked_for(rows):
    features, labels = rows[0][:7].repeat(30, 0), rows[1][:7].repeat(30)
    whole = warm([block(features, labels)], config=TrainConfig(warm_rows=20_000, shards=3, validation=0.0))
    sample = whole.lowest(100, warm_rank)
    assert sorted(Counter(sample.hashes.tolist()).values()) == [10, 30, 30, 30]


def test_a_sample_has_the_statistics_of_all_rows_and_the_labels_of_its_own(rows):
    whole = warm(cut(*rows, 300))
    sample = whole.lowest(3, warm_rank)
    assert sample.statistics == whole.statistics and sample.statistics.training_rows > 1500
    rows = {(row.tobytes(), str(label)) for row, label in zip(*rows, strict=True)}
    named = [sample.label_names[code] for code in sample.codes]
    assert set(sample.label_names) == set(named)
    assert {(row.tobytes(), name) for row, name in zip(sample.features, named, strict=True)} <= rows


def test_without_a_warm_start_only_what_is_known_of_the_data_is_sent_there(rows):
    sent = warm(cut(*rows, 300), config=TrainConfig(shards=3, warm_rows=0))
    assert (len(sent.order), sent.statistics.training_rows > 1500) == (0, True)
    assert len(sent.lowest(9, warm_rank).order) == 0


@pytest.fixture
def validations(monkeypatch) -> list[Validation]:
    """Those that runs make."""
    made: list[Validation] = []
    init = Validation.__init__

    def seen(self, *about):
        init(self, *about)
        made.append(self)

    monkeypatch.setattr(Validation, "__init__", seen)
    return made


@pytest.mark.parametrize(("kind", "nodes"), [("mlp", (64, 10)), ("rbm", (64, 8))])
def test_the_warm_starts_sample_is_unpacked_for_machines_alone(new_run, validations, kind, nodes):
    for resume in (False, True):  # from the job, and from the cache
        run = new_run(folder="run", kind=kind, nodes=nodes, shards=2, rounds=1, epochs=1, warm_rows=50, resume=resume)
        run.execute()
        assert bool(len(validations[-1].prepared.sample.order)) == (kind == "rbm")


def test_a_run_prepares_its_validation_rows_once_also_when_its_shards_are_made_again(
    new_run, validations, tmp_path, monkeypatch
):
    events = []

    def damage(event):
        if isinstance(event, RoundDone) and event.manifest.round == 1:
            for part in (tmp_path / "cache" / "mrdl" / "shards").glob("*/0000/*"):
                part.write_bytes(part.read_bytes()[:9999])

    settings = {"nodes": (64, 10), "shards": 2, "rounds": 2, "epochs": 1}
    whole = new_run(**settings).execute()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    del validations[:]
    assert new_run(**settings, listeners=[damage, events.append]).execute().to_bytes() == whole.to_bytes()
    assert [event for event in events if isinstance(event, Noted) and "made again" in event.text]
    assert len(validations) == 1
