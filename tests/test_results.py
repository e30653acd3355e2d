"""The run folder: what counts as a round, who may go on with a run, and that a file is whole or not there."""

import json
import logging
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from mrdl.architecture import digest
from mrdl.errors import ConfigError, SetupError
from mrdl.results import RunFolder

SETTINGS = "5e771465"
IDENTITY = {
    "name": "mrdl-first",
    "data": {"source": "digits.csv", "files": 1, "bytes": 1000, "sha256": "aaaa"},
    "settings": {"shards": 4, "nodes": [64, 10], "momentum": 0.8},
}
HOLDER = """
import sys
from mrdl.results import RunFolder
with RunFolder(sys.argv[1]).held():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    """A run folder that this test holds."""
    run = RunFolder(tmp_path / "run")
    with run.held():
        yield run


def weights_of(round_: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(round_)
    shapes = {"layers.0.weight": (3, 5), "layers.0.bias": (3,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def commit(folder: RunFolder, *rounds: int, settings: str = SETTINGS) -> None:
    for round_ in rounds:
        weights = weights_of(round_)
        folder.commit(round_, weights, {"round": round_, "sha256": digest(weights), "settings": settings})


def contents(folder: RunFolder) -> dict[str, bytes]:
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


def flip(path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)


def cut(path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


# --- rounds ---


def test_a_committed_round_is_the_newest_one_with_the_same_weights(folder):
    commit(folder, 1, 2)
    round_, weights, history = folder.newest(SETTINGS, at_most=9)
    assert (round_, [m["round"] for m in history]) == (2, [1, 2])
    assert weights.keys() == weights_of(2).keys()
    for name, array in weights_of(2).items():
        np.testing.assert_array_equal(weights[name], array, strict=True)


def test_the_weights_of_a_round_are_a_plain_safetensors_file(folder):
    commit(folder, 1)
    read = load_file(folder.path / "rounds" / "0001.safetensors")
    assert digest(read) == digest(weights_of(1))


@pytest.mark.parametrize(("at_most", "expected"), [(12, 12), (9, 9), (0, 0)])
def test_no_round_after_at_most_is_looked_at(folder, caplog, at_most, expected):
    commit(folder, *range(1, 13))
    round_, _, history = folder.newest(SETTINGS, at_most)
    assert (round_, len(history)) == (expected, expected)
    assert not caplog.records


DAMAGES = {
    "a byte of a weight flipped": (lambda f: flip(f.weights_of(3), -1), "the weights are not those of the manifest"),
    "a byte of the header flipped": (lambda f: flip(f.weights_of(3), 8), "cannot be read"),
    "weights cut": (lambda f: cut(f.weights_of(3), 100), "cannot be read"),
    "weights empty": (lambda f: cut(f.weights_of(3), 0), "cannot be read"),
    "weights gone": (lambda f: f.weights_of(3).unlink(), "0003.safetensors is missing"),
    "weights of another round": (
        lambda f: shutil.copy(f.weights_of(2), f.weights_of(3)),
        "the weights are not those of the manifest",
    ),
    "killed before the manifest": (lambda f: f.manifest_of(3).unlink(), "0003.json is missing"),
    "manifest cut": (lambda f: cut(f.manifest_of(3), 20), "cannot be read"),
    "manifest empty": (lambda f: cut(f.manifest_of(3), 0), "cannot be read"),
    "manifest not JSON": (lambda f: f.manifest_of(3).write_bytes(b"\xff\xfe"), "cannot be read"),
    "manifest without a digest": (lambda f: f.manifest_of(3).write_text("{}"), "cannot be read"),
    "manifest of another shape": (lambda f: f.manifest_of(3).write_text("[]"), "cannot be read"),
    "other settings": (lambda f: commit(f, 3, settings="other"), "it is of another run"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_round_that_does_not_verify_is_named_passed_over_and_kept(folder, caplog, damage):
    commit(folder, 1, 2, 3)
    harm, reason = DAMAGES[damage]
    harm(folder)
    before = contents(folder)

    round_, weights, history = folder.newest(SETTINGS, at_most=9)

    assert (round_, digest(weights), len(history)) == (2, digest(weights_of(2)), 2)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "round 3" in record.message and reason in record.message
    assert contents(folder) == before


def test_a_missing_manifest_takes_all_later_rounds_with_it(folder, caplog):
    commit(folder, 1, 2, 3)
    folder.manifest_of(2).unlink()
    assert folder.newest(SETTINGS, at_most=9)[0] == 1
    third, second = (record.message for record in caplog.records)
    assert "round 3" in third and "an earlier round has no manifest" in third
    assert "round 2" in second and "0002.json is missing" in second


def test_history_has_a_line_for_each_round_in_order(folder):
    commit(folder, 1, 2, 3)
    lines = [json.loads(line) for line in folder.history.read_text().splitlines()]
    assert lines == [json.loads(folder.manifest_of(round_).read_bytes()) for round_ in (1, 2, 3)]


# --- whose run it is ---


def changed(part: str, **values) -> dict:
    return {**IDENTITY, "name": "mrdl-second", part: {**IDENTITY[part], **values}}


def test_an_empty_folder_becomes_the_run_that_claims_it(folder):
    assert folder.claim(IDENTITY, resume=False) == IDENTITY
    assert json.loads((folder.path / "run.json").read_text()) == IDENTITY


def test_a_folder_where_nothing_was_trained_may_become_another_run(folder):
    folder.claim(IDENTITY, resume=False)
    other = changed("data", sha256="bbbb")
    assert folder.claim(other, resume=False) == other
    assert json.loads(folder.identity.read_text()) == other


def test_the_same_run_is_refused_without_resume(folder):
    folder.claim(IDENTITY, resume=False)
    commit(folder, 1)
    with pytest.raises(ConfigError, match="holds this run already: go on with --resume"):
        folder.claim(IDENTITY, resume=False)


def test_the_same_run_goes_on_under_its_first_name(folder):
    folder.claim(IDENTITY, resume=False)
    commit(folder, 1)
    assert folder.claim({**IDENTITY, "name": "mrdl-second"}, resume=True) == IDENTITY
    assert json.loads(folder.identity.read_text()) == IDENTITY


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize(
    ("now", "said"),
    [
        (changed("data", sha256="bbbb"), "another data set (sha256 'aaaa' there, 'bbbb' now)"),
        (changed("settings", shards=8), "another settings (shards 4 there, 8 now)"),
        (changed("settings", nodes=[64, 20, 10]), "another settings (nodes [64, 10] there, [64, 20, 10] now)"),
    ],
)
def test_another_run_is_refused_with_what_differs(folder, now, said, resume):
    folder.claim(IDENTITY, resume=False)
    commit(folder, 1)
    before = contents(folder)
    with pytest.raises(ConfigError) as caught:
        folder.claim(now, resume)
    assert said in str(caught.value)
    assert contents(folder) == before


def test_rounds_without_an_identity_are_not_taken_over(folder):
    commit(folder, 1)
    with pytest.raises(ConfigError, match="has no run.json"):
        folder.claim(IDENTITY, resume=True)


def test_an_identity_that_is_not_json_is_an_error_that_names_the_file(folder):
    commit(folder, 1)
    folder.identity.write_text('{"name": "mrdl-fi')
    with pytest.raises(ConfigError, match="run.json"):
        folder.claim(IDENTITY, resume=True)


# --- one driver at a time ---


def test_a_folder_in_use_names_the_process_that_uses_it(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        try:
            with (
                pytest.raises(ConfigError, match=f"in use by process {other.pid}$"),
                RunFolder(tmp_path / "run").held(),
            ):
                pass
        finally:
            other.kill()
    with RunFolder(tmp_path / "run").held():  # a driver that was killed holds nothing
        assert (tmp_path / "run" / "lock").exists()


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    run = RunFolder(tmp_path / "file" / "run")
    with pytest.raises(SetupError, match=r"file/run cannot be written: Not a directory\. Use --run-dir"), run.held():
        pass


# --- files ---


def test_a_write_replaces_the_whole_file_and_leaves_nothing_beside(folder):
    folder.write(folder.model, b"first, and longer")
    folder.write(folder.model, b"second")
    assert contents(folder).keys() == {"lock", "model.safetensors"}
    assert folder.model.read_bytes() == b"second"


@pytest.mark.parametrize(("name", "why"), [("taken", "Is a directory"), ("away/file", "No such file")])
def test_a_write_that_fails_says_how_to_go_on_and_leaves_nothing(folder, name, why):
    (folder.path / "taken").mkdir()
    with pytest.raises(SetupError) as caught:
        folder.write(folder.path / name, b"data")
    assert f"{name} cannot be written: {why}" in str(caught.value) and "--resume" in str(caught.value)
    assert contents(folder).keys() == {"lock"}


def test_a_round_whose_manifest_cannot_be_written_does_not_count(folder, caplog):
    commit(folder, 1)
    folder.manifest_of(2).mkdir()
    with pytest.raises(SetupError):
        commit(folder, 2)
    assert folder.newest(SETTINGS, at_most=9)[0] == 1
    assert "round 2" in caplog.text
