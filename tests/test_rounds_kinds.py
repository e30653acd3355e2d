"""Every kind of network through whole runs: the same bytes wherever rows lie and whenever it was stopped."""

import shutil

import numpy as np
import pytest
from networks import DIGITS, NETWORKS, kinds, settings

import mrdl
from mrdl.shards import cache, loaded


@kinds
def test_a_kind_ends_in_the_same_bytes_each_time_and_in_any_number_of_tasks(known, new_run, kind):
    assert new_run(**settings(kind, tasks=1)).execute().to_bytes() == known(kind)[1].to_bytes()
    assert new_run(**settings(kind, tasks=2)).execute().to_bytes() == known(kind)[1].to_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stack", "dbn", "gaussian rbm"])
@pytest.mark.parametrize("tasks", [1, 2])
def test_processes_end_in_the_same_bytes(known, new_run, kind, tasks):
    assert new_run(runner="local", **settings(kind, tasks=tasks)).execute().to_bytes() == known(kind)[1].to_bytes()


@kinds
def test_the_order_of_rows_does_not_matter(known, new_run, tmp_path, kind):
    """In several files, too, and with rows that are there twice."""
    head, *rows = DIGITS.read_text().splitlines()
    np.random.default_rng(1).shuffle(rows)
    folder = tmp_path / "data"
    folder.mkdir()
    for i, part in enumerate((rows[:100], rows[100:])):
        (folder / f"{i}.csv").write_text("\n".join([head, *part]) + "\n")
    model = new_run(folder, **settings(kind)).execute()
    assert model.sha256 == known(kind)[1].sha256
    assert model.rounds == known(kind)[1].rounds


@pytest.mark.parametrize(
    ("kind", "with_cache"), [*((kind, True) for kind in NETWORKS), ("rbm", False), ("stack", False), ("dbn", False)]
)
def test_a_run_that_was_stopped_after_any_round_ends_in_the_same_bytes(resumed, known, tmp_path, kind, with_cache):
    numbers = [m.round for m in known(kind)[0].folder.manifests()]
    for last in numbers[:-1]:
        made = resumed(kind, with_cache)
        for number in range(last + 1, numbers[-1] + 1):
            made.folder.weights_of(number).unlink()
            made.folder.manifest_of(number).unlink()
        made.folder.model.unlink()
        assert made.execute().to_bytes() == known(kind)[1].to_bytes(), f"after round {last}"
        assert [m.round for m in made.folder.manifests()] == numbers
        shutil.rmtree(tmp_path / "run")
        shutil.rmtree(tmp_path / "cache")


@pytest.mark.parametrize("with_cache", [True, False], ids=["its cache", "no cache"])
@pytest.mark.parametrize("kind", ["mlp", "gaussian rbm", "dbn", "unrolled dbn"])
def test_a_run_that_is_done_gives_its_network_again(resumed, known, kind, with_cache):
    before = known(kind)[0].folder.history.read_text()
    made = resumed(kind, with_cache)
    assert made.execute().to_bytes() == known(kind)[1].to_bytes()
    assert made.folder.history.read_text() == before


@pytest.mark.parametrize("damage", ["weights", "manifest", "cut"])
@pytest.mark.parametrize("kind", ["rbm", "stack", "dbn", "unrolled dbn"])
def test_a_damaged_round_is_made_again_from_the_one_before(resumed, known, kind, damage):
    """Each round in turn with all later ones: the first of a stage is begun again from the stage before."""
    made = resumed(kind)
    last = made.folder.manifests()[-1].round
    for number in (last, last - 2):
        for path in [made.folder.weights_of(n) for n in range(number, last + 1)]:
            data = path.read_bytes()
            if damage == "manifest":
                path.with_suffix(".json").write_text("{")
            else:
                path.write_bytes(data[:-9] if damage == "cut" else data[:-4] + b"\0\0\x80?")
        assert made.execute().to_bytes() == known(kind)[1].to_bytes()


@pytest.mark.parametrize("kind", ["rbm", "dbn"])
def test_a_damaged_shard_of_the_cache_is_made_again(resumed, known, tmp_path, kind):
    made = resumed(kind)
    last = made.folder.manifests()[-1].round
    for number in (last - 1, last):
        made.folder.weights_of(number).unlink()
        made.folder.manifest_of(number).unlink()
    for path in (tmp_path / "cache").rglob("part-*"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert made.execute().to_bytes() == known(kind)[1].to_bytes()


@pytest.mark.parametrize("kind", ["rbm", "dbn"])
def test_networks_of_other_kinds_may_share_the_cache_of_shards(known, new_run, kind):
    for other in ("mlp", kind):
        model = new_run(**settings(other)).execute()
    assert model.to_bytes() == known(kind)[1].to_bytes()


@pytest.mark.parametrize("shards", [1, 3])
def test_a_machine_after_a_network_without_a_warm_start_in_one_cache(new_run, tmp_path, monkeypatch, shards):
    """What one leaves out of the cache, the sample, the other needs."""
    plain = {"warm_rows": 0, "shards": shards}
    alone = new_run(**settings("rbm", **plain)).execute()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    new_run(**settings("mlp", **plain)).execute()
    assert new_run(**settings("rbm", **plain)).execute().to_bytes() == alone.to_bytes()


def test_the_order_in_which_lines_of_the_sample_come_back_does_not_matter(new_run, monkeypatch, tmp_path):
    """Hadoop sorts them by key alone."""
    monkeypatch.setattr(loaded, "LINE_BYTES", 640)
    expected = new_run(**settings("rbm")).execute().to_bytes()
    prepared_from, turned = cache.prepared_from, lambda lines: list(lines)[::-1]
    for module in (cache, mrdl.rounds.submission):
        monkeypatch.setattr(module, "prepared_from", lambda lines, *more: prepared_from(turned(lines), *more))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert new_run(**settings("rbm")).execute().to_bytes() == expected
