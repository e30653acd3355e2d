"""The cache of shards: later runs start from it, and whatever is damaged or lost in it is made again."""

import shutil
from functools import partial
from pathlib import Path

import pytest

from mrdl.rounds.driver import Run
from mrdl.rounds.events import Noted, RoundDone
from mrdl.settings.config import TrainConfig
from mrdl.shards import loaded
from mrdl.shards.cache import ShardCache

DIGITS = Path(__file__).resolve().parent / "data" / "digits.csv"
QUICK = {"nodes": (64, 16, 10), "shards": 4, "tasks": 2, "rounds": 1, "epochs": 1, "warm_rows": 99, "warm_epochs": 1}


@pytest.fixture
def run(new_run):
    """Make a Run on the digits with quick settings in a folder of its own."""
    return partial(new_run, **QUICK)


@pytest.fixture
def cache(tmp_path) -> Path:
    """Where shards are kept."""
    return tmp_path / "cache" / "mrdl" / "shards"


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> tuple[Path, bytes]:
    """The shards that a run has left, in short lines, and its model."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(loaded, "LINE_BYTES", 2000)
        config = TrainConfig().with_changes({**QUICK, "run_dir": str(folder / "run")})
        return folder / "cache", Run(DIGITS, config).execute().to_bytes()


@pytest.fixture
def left(whole, cache, tmp_path, monkeypatch) -> Path:
    """A copy of what that run has left: the folder of its shards."""
    shutil.copytree(whole[0], tmp_path / "cache")
    monkeypatch.setattr(loaded, "LINE_BYTES", 2000)
    (folder,) = cache.iterdir()
    return folder


def contents(cache: Path) -> dict[Path, tuple[int, bytes]]:
    """Every file with its bytes and the time when it was written."""
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in cache.rglob("*") if path.is_file()}


def rows_in(cache: Path) -> dict[Path, list[bytes]]:
    """The lines of every file; without results, which tell in which round the shards were made."""
    return {
        path: [line for line in data.splitlines() if line.split(b"\t", 1)[1][:1] != b"R"]
        for path, (_, data) in contents(cache).items()
    }


# --- later runs ---


@pytest.mark.parametrize(
    "change", [{}, {"nodes": (64, 10)}, {"seed": 3}, {"tasks": 1}, {"warm_rows": 7}, {"rounds": 2}]
)
def test_a_second_run_starts_from_the_cached_shards(run, left, cache, change):
    before = contents(cache)
    run(**change).execute()
    assert before and contents(cache) == before


@pytest.mark.parametrize("change", [{"shards": 3}, {"validation": 0.2}, {"warm_rows": 0}, {"header": "yes"}])
def test_what_decides_about_rows_has_shards_of_its_own(run, left, cache, change):
    before = contents(cache)
    run(**change).execute()
    after = contents(cache)
    assert len(list(cache.iterdir())) == 2 and before.items() <= after.items()


def test_other_data_at_the_same_path_is_not_taken_from_the_cache(run, digits, tmp_path):
    copy = tmp_path / "copy.csv"
    copy.write_bytes(digits.read_bytes())
    first = run(copy).execute()
    header, *rows = digits.read_text().splitlines()
    copy.write_text("\n".join([header, *rows[:1500]]))
    second = run(copy).execute()
    assert second.rounds[-1]["rows"] < first.rounds[-1]["rows"]


# --- what is damaged ---


def flip(path: Path, tag: bytes, place: int = 90) -> None:
    """Another bit in the file's first line of a kind, at a place behind the tag."""
    lines = [bytearray(line) for line in path.read_bytes().splitlines(keepends=True)]
    line = next(line for line in lines if line.split(b"\t", 1)[1][:1] == tag)
    line[line.index(b"\t") + 1 + place] ^= 4
    path.write_bytes(b"".join(lines))


def keep(path: Path, wanted) -> None:
    """Leave only the lines of a file that are wanted, each of which is `key TAB tag...`."""
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for i, line in enumerate(lines) if wanted(i, line.split(b"\t", 1)[1][:1])]
    assert len(kept) < len(lines)
    path.write_bytes(b"".join(kept))


def parts(folder: Path) -> list[Path]:
    """The files of shards, the largest first."""
    return sorted((folder / "0000").glob("part-*"), key=lambda path: -path.stat().st_size)


DAMAGES = {
    "a byte of a shard": lambda f: flip(parts(f)[0], b"D"),
    "the head of a shard's line": lambda f: flip(parts(f)[0], b"D", 2),
    "a byte of what is known of a shard": lambda f: flip(parts(f)[0], b"P"),
    "rows of all shards in a file": lambda f: keep(parts(f)[0], lambda i, tag: tag != b"D"),
    "a line of a shard": lambda f: keep(parts(f)[0], lambda i, tag: i != 3 or tag != b"D"),
    "what is known of a shard": lambda f: keep(parts(f)[0], lambda i, tag: tag != b"P"),
    "a file cut": lambda f: parts(f)[0].write_bytes(parts(f)[0].read_bytes()[: parts(f)[0].stat().st_size // 4]),
    "all of a file": lambda f: parts(f)[0].write_bytes(b""),
    "a file": lambda f: parts(f)[0].unlink(),
    "all files": lambda f: [path.unlink() for path in parts(f)],
    "a file that is there twice": lambda f: (f / "0000" / "part-00077").write_bytes(parts(f)[0].read_bytes()),
    "a byte of the validation rows": lambda f: flip(f / "prepared", b"V"),
    "a byte of the warm start's rows": lambda f: flip(f / "prepared", b"B"),
    "a byte of the statistics": lambda f: flip(f / "prepared", b"P"),
    "the validation rows": lambda f: keep(f / "prepared", lambda i, tag: tag != b"V"),
    "some validation rows": lambda f: keep(f / "prepared", lambda i, tag: i % 2 or tag != b"V"),
    "the warm start's rows": lambda f: keep(f / "prepared", lambda i, tag: tag != b"B"),
    "some of the warm start's rows": lambda f: keep(f / "prepared", lambda i, tag: i % 2 or tag != b"B"),
    "the statistics": lambda f: keep(f / "prepared", lambda i, tag: tag != b"P"),
    "all that is prepared": lambda f: (f / "prepared").write_bytes(b""),
    "the file of what is prepared": lambda f: (f / "prepared").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_run_makes_again_what_is_damaged_and_ends_in_the_same_bytes(run, whole, left, cache, damage):
    before = rows_in(cache)
    DAMAGES[damage](left)
    assert run().execute().to_bytes() == whole[1]
    assert rows_in(cache) == before, "a later run finds it whole"


def test_that_shards_are_made_again_is_said(run, left):
    DAMAGES["a byte of a shard"](left)
    events = []
    run(listeners=[events.append]).execute()
    notes = [event.text for event in events if isinstance(event, Noted)]
    assert [note for note in notes if "the cached shards are damaged: they are made again" in note]


def test_damage_in_the_middle_of_a_run_is_mended_in_the_next_round(run, left):
    known = run(rounds=2).execute()

    def damage(event):
        if isinstance(event, RoundDone) and event.manifest.round == 1:
            DAMAGES["a byte of a shard"](left)

    assert run(rounds=2, listeners=[damage]).execute().to_bytes() == known.to_bytes()


def test_of_two_runs_that_make_the_same_shards_at_once_the_first_one_counts(left, cache):
    before, second = contents(cache), ShardCache(str(left))
    shutil.copytree(left / "0000", f"{second.unfinished('second')}/0000")
    second.keep("second", (left / "prepared").read_bytes().splitlines())
    assert contents(cache) == before


def test_shards_that_were_never_complete_are_not_taken(run, whole, left, cache):
    left.rename(left.with_name(f"{left.name}.killed"))
    assert ShardCache(str(left)).load() is None
    assert run().execute().to_bytes() == whole[1]
    assert left.exists()


def test_of_two_runs_that_complete_the_same_shards_at_the_same_moment_one_is_kept(tmp_path, monkeypatch):
    """The other one comes between the look and the renaming."""
    folder = str(tmp_path / "shards" / "abc")
    mine, other = ShardCache(folder), ShardCache(folder)
    for cache, tag in ((mine, "mine"), (other, "other")):
        cache.make_room()
        Path(cache.unfinished(tag)).mkdir()
    rename = mine._store.rename

    def late(path, new):
        monkeypatch.setattr(type(mine._store), "rename", staticmethod(rename))
        other.keep("other", [b"told"])
        rename(path, new)

    monkeypatch.setattr(type(mine._store), "rename", staticmethod(late))
    mine.keep("mine", [b"told"])
    assert [path.name for path in Path(folder).parent.iterdir()] == ["abc"]
    assert (Path(folder) / "prepared").read_bytes() == b"told\n"
