"""The run folder: whose run it is, who may go on with it, and that a file is whole or not there."""

import json
import subprocess
import sys

import pytest
from manifests import manifest

from mrdl.errors import ConfigError, SetupError
from mrdl.rounds.folder import Checkpoint, RunFolder

IDENTITY = {
    "name": "mrdl-first",
    "data": {"source": "digits.csv", "files": 1, "bytes": 1000, "sha256": "aaaa"},
    "settings": {"shards": 4, "nodes": [64, 10], "momentum": 0.8},
}
HOLDER = """
import sys
from mrdl.rounds.folder import RunFolder
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


def commit(folder: RunFolder, number: int) -> None:
    """A round, as small as can be."""
    folder.commit(Checkpoint(number, {}, {}), manifest(round=number))


def contents(folder: RunFolder) -> dict[str, bytes]:
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


# --- whose run it is ---


def changed(part: str, **values) -> dict:
    return {**IDENTITY, "name": "mrdl-second", part: {**IDENTITY[part], **values}}


def test_an_empty_folder_becomes_the_run_that_claims_it(folder):
    assert folder.claim(IDENTITY, resume=False) == IDENTITY
    assert json.loads((folder.path / "run.json").read_text()) == IDENTITY


def test_a_folder_where_nothing_was_trained_may_become_another_run_of_the_same_name(folder):
    folder.claim(IDENTITY, resume=False)
    other = changed("data", sha256="bbbb")
    expected = {**other, "name": "mrdl-first"}  # what the first one has left is found by it
    assert folder.claim(other, resume=False) == expected
    assert json.loads(folder.identity.read_text()) == expected


@pytest.mark.parametrize("name", ["../../home", "mrdl-x/..", "", "mrdl-*", None])
def test_a_name_that_is_no_name_is_refused_for_folders_are_deleted_by_it(folder, name):
    with pytest.raises(ConfigError, match="no name"):
        folder.claim({**IDENTITY, "name": name}, resume=False)


def test_what_a_killed_write_left_is_deleted_by_the_next_driver(tmp_path):
    run = RunFolder(tmp_path / "run")
    with run.held():
        run.claim(IDENTITY, resume=False)
    for name in (".model.safetensors.123", "rounds/.0001.json.77", ".kept", "rounds/0001.json"):
        (run.path / name).write_text("half")
    with run.held():
        assert contents(run).keys() == {"lock", "run.json", ".kept", "rounds/0001.json"}


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
        (changed("settings", shards=8), "other settings (shards 4 there, 8 now)"),
        (changed("settings", nodes=[64, 20, 10]), "other settings (nodes [64, 10] there, [64, 20, 10] now)"),
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
