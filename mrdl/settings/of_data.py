"""The settings of the data: what its columns are, which rows are kept out, and in how many shards the rest lies."""

from dataclasses import dataclass

from mrdl.settings.decides import DATA
from mrdl.settings.fields import setting

MOST_KEPT_OUT = 0.9


@dataclass(frozen=True)
class DataSettings:
    """The settings that decide which rows lie in which shard, and as what they are read."""

    label: str | None = setting(
        None,
        "label column: its name or its index (-1: the last), or several with commas between; none for unlabelled data; "
        "left out: the first column, where it looks like classes",
        DATA,
    )
    task: str = setting(
        "auto",
        "what is learnt of the label: classes, numbers (regress), or 0 or 1 in each of several columns (multilabel); "
        "auto: numbers where it holds real or many different ones, else classes",
        DATA,
        ("auto", "classify", "regress", "multilabel"),
    )
    header: str = setting("auto", "whether the first line names the columns", DATA, ("auto", "yes", "no"))
    drop: tuple[str, ...] = setting(
        (), "columns to leave out: names or indices, with commas between; --ignore is the same", DATA
    )
    category: tuple[str, ...] = setting((), "columns of categories: each text, or number, stands for itself", DATA)
    hash: tuple[str, ...] = setting(
        (),
        "columns of very many levels, as ids: those of one bucket of a hash count as one; their number may follow, as "
        "id=256, else it is 64",
        DATA,
    )
    number: tuple[str, ...] = setting((), "columns of numbers; a writing may follow, as price=1.234,5", DATA)
    date: tuple[str, ...] = setting((), "columns of dates; a pattern may follow, as when=%d/%m/%Y", DATA)
    separator: str = setting("auto", "what stands between cells: one mark, tab, blank (any number), or auto", DATA)
    weights: str | None = setting(
        None, "column that says how much each row counts in training: its name or its index", DATA
    )
    bad_rows: str = setting(
        "stop",
        "rows that cannot be read: stop before training, or skip and count them",
        DATA,
        ("stop", "skip"),
    )
    validation: float = setting(
        0.1, "fraction of the rows, chosen by their hash, kept out of training", DATA, least=0, most=MOST_KEPT_OUT
    )
    test_fraction: float = setting(
        0.0,
        "fraction of the rows, kept out too, that choose nothing and score the final network",
        DATA,
        least=0,
        most=0.5,
    )
    shards: int = setting(
        4, "parts of the data, each trained by one task; any number of free slots is enough", DATA, least=1, most=9999
    )
