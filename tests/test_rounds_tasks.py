"""The work of tasks, called as plain functions, and how little a task that places rows has to import."""

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import mrdl
from mrdl.data.text.schema import Schema
from mrdl.errors import SetupError
from mrdl.nn.weights import digest
from mrdl.rounds import combine, tasks
from mrdl.rounds.combine import to_result
from mrdl.rounds.plan import resolved
from mrdl.settings.config import TrainConfig
from mrdl.shards.records import Tag, split_line, unpack

MRDL = Path(mrdl.__file__).resolve().parent
LIGHT = {"mrdl", "mrjob", "numpy", "pyarrow", "safetensors"} | sys.stdlib_module_names
HEAVY = ("torch", "pandas", "requests", "hdfs", "rich", "mrdl.storage.store", "mrdl.cluster")


# --- what is imported ---


def module_of(name: str) -> Path | None:
    """The file of a module of mrdl, by its whole name."""
    path = MRDL.parent / Path(*name.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imported(node: ast.AST) -> set[str]:
    """The modules that a file imports when it is imported itself, names in them included."""
    found: set[str] = set()
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.Import):
            found |= {alias.name for alias in inner.names}
        elif isinstance(inner, ast.ImportFrom):
            found |= {str(inner.module)} | {f"{inner.module}.{alias.name}" for alias in inner.names}
        elif isinstance(inner, ast.If) and "TYPE_CHECKING" in ast.unparse(inner.test):
            continue
        elif not isinstance(inner, ast.FunctionDef):
            found |= imported(inner)
    return found


def closure(name: str) -> tuple[set[str], set[str]]:
    """The modules of mrdl that the import of one runs, and the packages of others that they import."""
    modules, others, waiting = set[str](), set[str](), [name]
    while waiting:
        name = waiting.pop()
        path = module_of(name)
        if name.split(".")[0] != "mrdl":
            others.add(name.split(".")[0])
        elif path and name not in modules:
            modules.add(name)
            waiting += sorted(imported(ast.parse(path.read_text())))
    return modules, others


def test_the_program_of_a_task_imports_light_libraries_only():
    modules, others = closure("mrdl.rounds.job")
    assert others <= LIGHT
    assert "mrdl.rounds.tasks" in modules and "mrdl.shards.placing" in modules
    rooms = {"mrdl.storage.paths", "mrdl.storage.packing"}  # names of files, and bytes: they open nothing
    assert not {m for m in modules if m.split(".")[1:2] in (["storage"], ["cluster"], ["model"])} - rooms


def test_tasks_do_not_import_the_file_that_they_run_as_a_program():
    """It would be there twice, once as __main__, with two classes RoundJob."""
    modules, _ = closure("mrdl.rounds.tasks")
    assert "mrdl.rounds.job" not in modules


def test_tasks_have_no_heavy_library_in_their_processes(order, tmp_path):
    (tmp_path / "order.json").write_text(order(config=resolved(TrainConfig(shards=4, engine="numpy"))).to_json())

    def task(kind: str, lines: bytes) -> Written:
        """What a task writes, as a reducer gets it."""
        program = (
            "import runpy, sys, json; "
            f"sys.argv = [{str(MRDL / 'rounds' / 'job.py')!r}, '--step-num=0', '--{kind}', "
            f"'--order', {str(tmp_path / 'order.json')!r}]; "
            "runpy.run_path(sys.argv[0], run_name='__main__'); "
            f"open({str(tmp_path / 'modules')!r}, 'w').write(json.dumps(sorted(sys.modules)))"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program],
            input=lines,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": str(MRDL.parent)},
        )
        assert ended.returncode == 0, ended.stderr.decode()
        modules = json.loads((tmp_path / "modules").read_text())
        assert "mrdl.shards.placing" in modules
        assert not {m for m in modules for heavy in HEAVY if m == heavy or m.startswith(heavy + ".")}
        return shuffled(ended.stdout.splitlines(keepends=True))

    placed = task("mapper", b"1,2,a\n3,4,b\n" * 20)
    assert {Tag.of(split_line(line)[1]) for line in placed} == {Tag.SHARD_ROWS, Tag.SPLIT_STATISTICS}
    assert sorted(results(task("reducer", b"".join(placed)))) == [0, 1, 2, 3]


# --- their work ---


class Written(list):
    """Lines as a task writes them."""

    def __call__(self, key: bytes, value: bytes) -> None:
        self.append(key + b"\t" + value + b"\n")

    def tags(self) -> list[Tag]:
        """What each line is."""
        return [Tag.of(split_line(line)[1]) for line in self]


TEXT = b"".join(b"%d,%d,%s\n" % (i % 7, i % 5, b"ab"[i % 2 : i % 2 + 1]) for i in range(200))


def parse_text(order):
    from mrdl.data.text.csv import BlockParser

    return BlockParser(order.schema).parse


def shuffled(lines: Written) -> Written:
    """Lines in the order in which Hadoop gives them to a reducer."""
    return Written(sorted(lines, key=lambda line: split_line(line)[0]))


def first_job(order) -> Written:
    """The packed shards and results that text becomes, with one mapper and one reducer."""
    mapped, reduced = Written(), Written()
    tasks.map_rows(io.BytesIO(TEXT), mapped, order, parse_text(order), tasks.Split("x.csv", 0))
    tasks.reduce_rows(shuffled(mapped), reduced, order, {}, lambda status: None)
    return reduced


def results(lines: list[bytes]) -> dict[int, str]:
    """Shard -> digest of its weights, of the results among lines."""
    found = [unpack(split_line(line)[1]) for line in lines if Tag.of(split_line(line)[1]) is Tag.RESULT]
    return {result.shard: digest(result.weights) for result in (to_result(*record[1:]) for record in found)}


def test_shards_train_from_the_cache_as_they_did_from_text(order):
    packed = first_job(order(reducers=1))
    again, statuses = Written(), []
    cache = [line for line in packed if Tag.of(split_line(line)[1]) is not Tag.RESULT]
    tasks.train_cached(cache, again, order(reducers=1, cached=True), {}, statuses.append)
    assert results(again) == results(packed) and sorted(results(again)) == [0, 1, 2, 3]
    assert {status.split(" epoch")[0] for status in statuses} == {f"shard {i} round 1" for i in range(4)}


def test_a_warm_start_trains_its_sample_alone(order):
    first = order().round
    warm = order(reducers=1, round=type(first)(0, 0, 0, 3, 1, 0.03, 0.8))
    packed, again = first_job(warm), Written()
    tasks.train_cached([line for line in packed if line.startswith(b"warm")], again, warm, {}, lambda status: None)
    assert list(results(packed)) == [0] and results(again) == results(packed)


def test_only_results_and_what_tells_of_the_data_go_to_the_task_that_combines(order):
    packed, passed, combined = first_job(order(reducers=1)), Written(), Written()
    tasks.pass_results(packed, passed)
    assert {split_line(line)[0] for line in passed} == {tasks.COMBINE_KEY}
    assert set(passed.tags()) == {Tag.RESULT, Tag.STATISTICS, Tag.VALIDATION_ROWS, Tag.WARM_ROWS}
    tasks.combine_results(passed, combined, order(reducers=1), combine.mean)
    assert sorted(set(combined.tags())) == sorted({*passed.tags(), Tag.WEIGHTS} - {Tag.RESULT})
    tasks.combine_results(passed, combined, order(reducers=1, emit_shards=True), combine.mean)
    assert combined.tags().count(Tag.RESULT) == 4


@pytest.mark.parametrize(
    ("changes", "unfit"),
    [
        ({"config": TrainConfig(nodes=(9, 3, 2), shards=4)}, "network"),
        ({"config": TrainConfig(nodes=(2, 3, 1), shards=4)}, "network"),
        ({"config": TrainConfig(shards=500)}, "data"),
        ({"schema": Schema(("x", "y", "z", "label"), 3, None)}, "rows"),
    ],
)
def test_data_that_cannot_be_trained_on_is_told_by_kind_and_nothing_is_packed(order, changes, unfit):
    packed = first_job(order(reducers=1, **changes))
    told = [unpack(split_line(line)[1]).meta["problem"]["unfit"] for line in packed if b"\tP" in line[:20]]
    assert set(packed.tags()) <= {Tag.STATISTICS, Tag.VALIDATION_ROWS} and set(told) == {unfit}


def test_a_shard_that_failed_is_trained_with_half_the_rate_for_each_time(order, rates):
    packed = [line for line in first_job(order(reducers=1)) if Tag.of(split_line(line)[1]) is not Tag.RESULT]
    rates.clear()
    failures = {1: 1, 2: 3}
    tasks.train_cached(packed, Written(), order(reducers=1, cached=True, failures=failures), {}, lambda status: None)
    assert sorted(rates) == [0.03 / 8, 0.03 / 2, 0.03, 0.03]


@pytest.mark.parametrize(("device", "advised"), [("cpu", True), ("cuda", False)])
def test_where_torch_is_missing_numpy_is_advised_if_it_can_train_the_network(order, monkeypatch, device, advised):
    config = TrainConfig(nodes=(2, 3, 2), shards=4, engine="torch", device=device)
    monkeypatch.setattr("mrdl.nn.engines.table.has_torch", lambda: False)
    with pytest.raises(SetupError, match="another --python-bin") as told:
        tasks.map_rows(io.BytesIO(), lambda *_: None, order(config=config), None, None)
    assert ("--engine numpy" in str(told.value)) is advised
