"""The page of an inspection, one file that works offline: what looks wrong, and each column with a histogram."""

from collections.abc import Iterator, Sequence

from mrdl.inspection.columns import Column, told
from mrdl.inspection.inspection import Inspection
from mrdl.reports.page import Markup, Words, escaped, page, table

WIDTH, HEIGHT = 160, 36  # of a histogram, in pixels
MOST_BARS = 20
QUANTILES = ("1 %", "25 %", "median", "75 %", "99 %")
HEADS = (
    Words("column"),
    Words("type"),
    Words("read as"),
    "inputs",
    "missing",
    "distinct",
    "least",
    *QUANTILES,
    "largest",
    "mean",
)
LEVELS = ("0.01", "0.25", "0.5", "0.75", "0.99")


def page_of(found: Inspection) -> str:
    """The page as HTML."""
    size = f"{found.rows:,} rows of {len(found.columns):,} columns, {found.size / 1e6:,.1f} MB"
    sampled = f"Quantiles and histograms are those of {found.sampled:,} rows, chosen by their hash."
    faults = "".join(_fault(str(fault), fault.flag) for fault in found.faults) or "<li>nothing</li>"
    rows = [list(_cells(column, column.place == found.label)) for column in found.columns]
    body = f"""<p>{size}. Label: {escaped(found.told)}. {sampled}</p>
<h2>What looks wrong</h2><ul>{faults}</ul>
<h2>Columns</h2>{table((*HEADS, "deviation", Words("values")), rows, "the columns")}"""
    return page(found.name, body)


def _fault(words: str, flag: str) -> str:
    """A fault as an item of a list."""
    code = f"<br><code>{escaped(flag)}</code>" if flag else ""
    return f"<li>{escaped(words)}{code}</li>"


def _cells(column: Column, is_label: bool) -> Iterator[str]:
    """The figures of a column as cells of a table."""
    yield Words(column.name + " (label)" * is_label)
    yield Words(column.type)
    yield Words(column.read)
    yield f"{column.inputs:,}"
    yield f"{column.share_missing:.2%}" if column.missing else "0"
    yield f"{column.distinct:,}" + (f" ± {2 * column.distinct_error:.0%}" if column.distinct_error else "")
    quantiles = (column.quantiles.get(level) for level in LEVELS)
    for number in (column.minimum, *quantiles, column.maximum, column.mean):
        yield "" if number is None else told(number, column.is_date)
    yield "" if column.deviation is None else told(column.deviation)
    yield _drawn(column)


def _drawn(column: Column) -> Markup:
    """The values of a column as a small picture: a histogram of numbers, else bars of the most frequent ones."""
    if len(column.histogram) > 1 and column.type != "boolean":
        edges = [f"{told(bar.low, column.is_date)} to {told(bar.high, column.is_date)}" for bar in column.histogram]
        return _bars(column.name, [bar.share for bar in column.histogram], edges)
    values = max(1, column.values)
    some = column.common[:MOST_BARS]
    return _bars(column.name, [rows / values for _, rows in some], [text for text, _ in some])


def _bars(column: str, shares: Sequence[float], names: Sequence[str]) -> Markup:
    """Bars as SVG.

    column: its name; shares: of all values, 0 to 1; names: what a bar stands for, shown where the mouse is on it.
    """
    if not shares:
        return Markup()
    wide, most = WIDTH / len(shares), max(shares)
    drawn = []
    for i, (share, name) in enumerate(zip(shares, names, strict=True)):
        tall = max(1.0, HEIGHT * share / most) if share else 0.0
        place = f'x="{i * wide:.1f}" y="{HEIGHT - tall:.1f}" width="{max(1.0, wide - 1):.1f}" height="{tall:.1f}"'
        title = escaped(f"{name}: {share:.1%}")
        drawn.append(f'<rect {place} class="bar"><title>{title}</title></rect>')
    label = escaped(f"values of {column}")
    return Markup(f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{label}">{"".join(drawn)}</svg>')
