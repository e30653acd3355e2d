"""Rounds on disk: weights, velocity and manifest; what counts as a round, and what is passed over."""

import json
import logging
import shutil

import numpy as np
import pytest
from manifests import manifest
from safetensors.numpy import load_file, save

from mrdl.errors import SetupError
from mrdl.nn.weights import digest
from mrdl.rounds.folder import Checkpoint, RunFolder

SETTINGS = "5e771465"


@pytest.fixture
def folder(tmp_path):
    """A run folder that this test holds."""
    run = RunFolder(tmp_path / "run")
    with run.held():
        yield run


def state_of(number: int) -> Checkpoint:
    """A round as a run of two layers might leave it: only later rounds than the warm start have a velocity."""
    rng = np.random.default_rng(number)
    shapes = {"layers.0.weight": (3, 5), "layers.0.bias": (3,)}
    weights, velocity = (
        {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()} for _ in range(2)
    )
    return Checkpoint(number, weights, velocity if number else {})


def commit(folder: RunFolder, *numbers: int, settings: str = SETTINGS) -> None:
    for number in numbers:
        done = state_of(number)
        digests = {"sha256": digest(done.weights), "velocity": digest(done.velocity)}
        folder.commit(done, manifest(round=number, settings=settings, **digests))


def newest(folder: RunFolder, first: int = 1, last: int = 9) -> Checkpoint | None:
    """The newest round that verifies."""
    return folder.newest(SETTINGS, first, last)[1]


def assert_same(found: Checkpoint | None, known: Checkpoint) -> None:
    assert found is not None and found.number == known.number
    for part, expected in ((found.weights, known.weights), (found.velocity, known.velocity)):
        assert part.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(part[name], array, strict=True)


def contents(folder: RunFolder) -> dict[str, bytes]:
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


def flip(path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)


def flip_in(path, tensor: str) -> None:
    """Another last value of a tensor, the file's header untouched."""
    tensors = load_file(path)
    tensors[tensor].view(np.uint32)[-1] ^= 0x10
    path.write_bytes(save(tensors))


def cut(path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


# --- what is kept ---


@pytest.mark.parametrize("first", [0, 1], ids=["after a warm start", "without a warm start"])
def test_a_committed_round_is_the_newest_one_with_the_same_weights_and_velocity(folder, first):
    commit(folder, *range(first, 3))
    history, found = folder.newest(SETTINGS, first, last=9)
    assert [m.round for m in history] == list(range(first, 3))
    assert_same(found, state_of(2))


def test_the_warm_start_alone_is_a_round(folder):
    commit(folder, 0)
    assert_same(newest(folder, first=0), state_of(0))


def test_a_folder_without_rounds_has_no_newest_one(folder, caplog):
    assert folder.newest(SETTINGS, 0, 9) == ([], None)
    assert not caplog.records


def test_a_round_is_a_plain_safetensors_file_of_weights_and_velocity(folder):
    commit(folder, 1)
    found, known = load_file(folder.path / "rounds" / "0001.safetensors"), state_of(1)
    assert digest({name: found.pop(name) for name in known.weights}) == digest(known.weights)
    assert digest(found) == digest({f"velocity.{name}": array for name, array in known.velocity.items()})


@pytest.mark.parametrize(("last", "expected"), [(12, 12), (9, 9), (0, None)])
def test_no_round_after_the_last_is_looked_at(folder, caplog, last, expected):
    commit(folder, *range(1, 13))
    history, found = folder.newest(SETTINGS, 1, last)
    assert (found and found.number, len(history)) == (expected, expected or 0)
    assert not caplog.records


def test_a_round_is_read_by_its_number_whatever_came_after_it(folder):
    commit(folder, 0, 1, 2, 3)
    for number in range(4):
        assert_same(folder.read(number), state_of(number))


# --- what is damaged ---


DAMAGES = {
    "a byte of a weight flipped": (lambda f: flip_in(f.weights_of(3), "layers.0.bias"), "not those of the manifest"),
    "a byte of the velocity flipped": (
        lambda f: flip_in(f.weights_of(3), "velocity.layers.0.bias"),
        "not those of the manifest",
    ),
    "velocity gone": (
        lambda f: f.weights_of(3).write_bytes(save(state_of(3).weights)),
        "not those of the manifest",
    ),
    "a byte of the header flipped": (lambda f: flip(f.weights_of(3), 8), "cannot be read"),
    "weights cut": (lambda f: cut(f.weights_of(3), 100), "cannot be read"),
    "weights empty": (lambda f: cut(f.weights_of(3), 0), "cannot be read"),
    "weights gone": (lambda f: f.weights_of(3).unlink(), "0003.safetensors is missing"),
    "weights of another round": (
        lambda f: shutil.copy(f.weights_of(2), f.weights_of(3)),
        "not those of the manifest",
    ),
    "killed before the manifest": (lambda f: f.manifest_of(3).unlink(), "0003.json is missing"),
    "manifest cut": (lambda f: cut(f.manifest_of(3), 20), "cannot be read"),
    "manifest empty": (lambda f: cut(f.manifest_of(3), 0), "cannot be read"),
    "manifest not JSON": (lambda f: f.manifest_of(3).write_bytes(b"\xff\xfe"), "cannot be read"),
    "manifest without a digest": (lambda f: f.manifest_of(3).write_text("{}"), "cannot be read"),
    "manifest without a digest of the velocity": (
        lambda f: f.manifest_of(3).write_text(json.dumps({"round": 3, "sha256": digest(state_of(3).weights)})),
        "cannot be read",
    ),
    "manifest of another shape": (lambda f: f.manifest_of(3).write_text("[]"), "cannot be read"),
    "other settings": (lambda f: commit(f, 3, settings="other"), "it is of another run"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_round_that_does_not_verify_is_named_passed_over_and_kept(folder, caplog, damage):
    commit(folder, 1, 2, 3)
    harm, reason = DAMAGES[damage]
    harm(folder)
    before = contents(folder)

    history, found = folder.newest(SETTINGS, 1, last=9)

    assert len(history) == 2
    assert_same(found, state_of(2))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "round 3" in record.message and reason in record.message
    assert contents(folder) == before


def test_a_missing_manifest_takes_all_later_rounds_with_it(folder, caplog):
    commit(folder, 1, 2, 3)
    folder.manifest_of(2).unlink()
    assert_same(newest(folder), state_of(1))
    third, second = (record.message for record in caplog.records)
    assert "round 3" in third and "an earlier round has no manifest" in third
    assert "round 2" in second and "0002.json is missing" in second


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"round": "one"}'])
def test_an_earlier_manifest_that_tells_nothing_takes_all_later_rounds_with_it(folder, text, caplog):
    commit(folder, 0, 1, 2)
    folder.manifest_of(1).write_text(text)
    assert_same(newest(folder, first=0), state_of(0))
    assert "round 2" in caplog.text and "round 1" in caplog.text


@pytest.mark.parametrize("missing", [0, 1])
def test_a_run_with_a_warm_start_does_not_go_on_without_it(folder, missing):
    commit(folder, *{0, 1, 2} - {missing})
    found = newest(folder, first=0)
    assert found is None if missing == 0 else found.number == 0


def test_history_has_a_line_for_each_round_in_order(folder):
    commit(folder, 0, 1, 2, 3)
    lines = [json.loads(line) for line in folder.history.read_text().splitlines()]
    assert lines == [json.loads(folder.manifest_of(round_).read_bytes()) for round_ in range(4)]


def test_history_ends_with_the_round_that_was_made_again(folder):
    commit(folder, 0, 1, 2, 3)
    commit(folder, 1)
    assert [json.loads(line)["round"] for line in folder.history.read_text().splitlines()] == [0, 1]


def test_a_round_whose_manifest_cannot_be_written_does_not_count(folder, caplog):
    commit(folder, 1)
    folder.manifest_of(2).mkdir()
    with pytest.raises(SetupError):
        commit(folder, 2)
    assert_same(newest(folder), state_of(1))
    assert "round 2" in caplog.text
