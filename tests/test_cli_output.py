"""Where the network goes: into a file on standard output, into one that is named, into a pipe only when asked."""

import json
import subprocess
import sys

import pytest

import mrdl

WORDS = [
    "--nodes",
    "64,8,10",
    "--shards",
    "2",
    "--rounds",
    "1",
    "--epochs",
    "1",
    "--warm-rows",
    "60",
    "--run-dir",
    "run",
]


@pytest.fixture
def train(digits, tmp_path):
    """`mrdl train digits.csv WORDS` with standard output as a pipe, or what is given."""

    def run(*words, stdout=subprocess.PIPE):
        command = [sys.executable, "-m", "mrdl", "train", str(digits), *WORDS, *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, stdout=stdout, stderr=subprocess.PIPE, timeout=120)

    return run


def test_a_pipe_gets_no_network_but_is_told_where_it_lies(train, tmp_path):
    ended = train()
    assert (ended.returncode, ended.stdout) == (0, b"")
    told = f"note: the network is in {tmp_path / 'run' / 'model.safetensors'}; -o FILE puts it elsewhere, -o - into"
    assert told in ended.stderr.decode()


def test_a_pipe_gets_the_network_when_it_is_asked_for(train, tmp_path):
    ended = train("-o", "-")
    assert ended.stdout == (tmp_path / "run" / "model.safetensors").read_bytes()


def test_a_redirected_file_is_the_network(train, tmp_path):
    with open(tmp_path / "net.out", "wb") as out:
        assert train(stdout=out).returncode == 0
    assert (tmp_path / "net.out").read_bytes() == (tmp_path / "run" / "model.safetensors").read_bytes()


def test_a_named_file_is_the_network_and_standard_output_stays_free(train, tmp_path):
    ended = train("--output", "net.out", "--json")
    assert json.loads(ended.stdout)["sha256"] == mrdl.load(tmp_path / "net.out").sha256


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-o", "no/net.out"), "--output no/net.out lies in no, which is no folder: expected the name of a file"),
        (("-o", "."), "--output . is a folder: expected the name of a file"),
        (("-o", "-", "--json"), "--json and -o - both want standard output: take -o FILE"),
    ],
)
def test_a_place_that_takes_no_network_is_refused_before_training(train, tmp_path, words, told):
    ended = train(*words)
    assert (ended.returncode, ended.stdout, ended.stderr.decode()) == (2, b"", f"mrdl: {told}\n")
    assert not (tmp_path / "run").exists()


def test_what_is_printed_before_the_network_is_told(train, tmp_path):
    with open(tmp_path / "net.out", "wb") as out:
        out.write(b"printed before\n")
        out.flush()
        ended = train(stdout=out)
    assert ended.returncode == 0
    told = "note: the 15 bytes on standard output before the network keep it from being loaded: take -o FILE"
    assert told in ended.stderr.decode()


def test_what_a_job_prints_does_not_get_into_the_network(digits, tmp_path):
    text = """
from mrdl.cli.script import TrainJob

class Loud(TrainJob):
    def parse(self, schema):
        print("parsing")
        return super().parse(schema)

if __name__ == "__main__":
    Loud.run()
"""
    (tmp_path / "loud.py").write_text(text)
    with open(tmp_path / "net.out", "wb") as out:
        command = [sys.executable, "loud.py", str(digits), *WORDS]
        ended = subprocess.run(command, cwd=tmp_path, stdout=out, stderr=subprocess.PIPE, text=True, timeout=120)
    assert (ended.returncode, "parsing" in ended.stderr) == (0, True), ended.stderr
    assert (tmp_path / "net.out").read_bytes() == (tmp_path / "run" / "model.safetensors").read_bytes()
