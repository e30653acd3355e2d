"""Records of a sweep, the index's counts of them, and the paths of its files."""

import json

import pytest

from mrdl.nn.design import Design
from mrdl.sweep.ledger import Ledger
from mrdl.sweep.paths import SweepPaths
from mrdl.sweep.record import Record, State, line_of, read_record

DONE = Record(arch_id="a", status=State.DONE, accuracy=0.5, loss=1.0, curve=(2.0, 1.0), cpu_s=3.5, collapsed=True)


def test_a_record_survives_its_line():
    assert read_record(line_of(DONE)) == DONE
    assert json.loads(line_of(DONE))["curve"] == [2.0, 1.0] and b"null" not in line_of(DONE)


def test_what_a_record_does_not_name_is_not_known():
    record = read_record(b'{"arch_id": "a", "status": "failed", "of a later version": 1}')
    assert record == Record(arch_id="a", status=State.FAILED)
    assert record.cpu_s is None and record.device is None


@pytest.mark.parametrize(("state", "is_finished"), [("planned", False), ("done", True), ("failed", True)])
def test_a_training_is_finished_well_or_not(state, is_finished):
    assert State(state).is_finished() == is_finished


def test_a_field_within_another_is_no_verdict(tmp_path):
    """An index that looked for the text of a field counted one that lies deeper in a record."""
    ledger = Ledger(tmp_path / "ledger.db")
    ledger.plan([(name, Design((1,)).canonical(), 1.0, "torch") for name in "ab"])
    quoting = Record(
        arch_id="b", status=State.DONE, accuracy=1.0, loss=0.0, versions={"collapsed": True}, collapsed=False
    )
    ledger.register("job-00001", [["a", "b"]])
    ledger.take_in("job-00001", [DONE, quoting])
    counts = ledger.counts()
    ledger.close()
    assert (counts["done"], counts["collapsed"]) == (2, 1)


def test_a_record_tells_the_mistakes_of_few_classes_in_a_square():
    told = {**DONE.to_json(), "confusion": [[3, 1], [0, 2]]}
    record = Record.from_json(told)
    assert record.confusion == ((3, 1), (0, 2)) and record.to_json() == told
    for wrong in ([[1, 2]], [[1, -1], [0, 0]], [[1, 2], [3]], [[0] * 21] * 21, [[1.5, 0], [0, 0]], 3):
        with pytest.raises(ValueError, match="confusion is .*, expected a square table of counts"):
            Record.from_json({**told, "confusion": wrong})


def test_every_path_of_a_sweep_lies_in_its_folder(tmp_path):
    paths = SweepPaths(tmp_path)
    of_jobs = [paths.part_of("j"), paths.control_of("j"), paths.begun_of("j"), paths.errors_of("j")]
    of_runs = [paths.run_of("a"), paths.summary_of("a"), paths.scores_of("a"), paths.run_errors_of("a")]
    own = [paths.manifest, paths.data, paths.index, paths.stop_mark, paths.report, paths.work]
    assert len({*of_jobs, *of_runs, *own}) == 14
    assert all(path.is_relative_to(tmp_path) for path in [*of_jobs, *of_runs, *own])
