"""Judges which column is the label, and whether what it holds are classes that can be learnt, or numbers.

It is done twice by the same rules: by the head of the data before anything runs, where a label that was not said is
taken or not; and by all rows before anything is trained, as the head may mislead (it has one class only of sorted
rows).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mrdl.data.text.arrays import numbers_of
from mrdl.data.text.columns import AS_FLAGS, Wording
from mrdl.data.text.csv import whole_lines
from mrdl.data.text.distinct import distinct_cells
from mrdl.data.text.schema import MISSING, Schema, cells_of, filled_lines
from mrdl.data.types import NUMBER, PLAIN
from mrdl.data.values import AUTO, CLASSIFY, MULTILABEL, REGRESS, Values
from mrdl.errors import ConfigError

NAMES = ("label", "class", "target", "y", "labels", "classes", "species", "category", "outcome")
JUDGED = 1000  # columns of a wide table that are looked at for candidates
SHOWN = 6
DIGITS = 10  # so many whole numbers are classes without a word; more may be counts


def problem(label: str, classes: Mapping[str, int], wording: Wording = AS_FLAGS, said: bool = False) -> str:
    """Return why the classes of all rows (label -> rows) cannot be learnt, and the way out; "" where they can.

    label: the column's name; wording: how it is said; said: whether somebody has said that these are classes.
    """
    values = Values.of_counts(classes)
    why = values.why_not(said=said)
    return f"the label column {label!r} {why}; {values.advice(wording, said)}" if why else ""


@dataclass(frozen=True)
class Learnt:
    """What is learnt of a table. task: as the setting has it, regress or multilabel where that was told by the values;
    schema: the columns, the targets among them; told: which column it is and why, in words."""

    task: str
    schema: Schema
    told: str


@dataclass(frozen=True)
class Head:
    """The first bytes of a data set.

    source: its name for people; text: the bytes; whole: whether they are all of it; schema: its columns.
    """

    source: str
    text: bytes
    whole: bool
    schema: Schema

    def learnt(
        self,
        said: str | None,
        task: str = AUTO,
        supervised: bool = True,
        judged: bool = True,
        wording: Wording = AS_FLAGS,
    ) -> "Learnt":
        """Return what is learnt of which column, and why.

        said: the setting `label`, None where nobody said it; task: that setting; supervised: whether a label is to be
        learnt; judged: whether lines are read as they are, and not by a user's own `parse`; wording: how it is said.
        Raises ConfigError, with what to do, where the column does not hold what is to be learnt.
        """
        schema, numbers = self.schema, task in (REGRESS, MULTILABEL)
        if numbers and not judged:
            raise ConfigError(f"task is {task}, but lines that a script parses by itself have classes: leave it out")
        if numbers and not schema.label_names:
            raise ConfigError(f"task is {task}, but label is none: say which column, as {wording.label} -1")
        if schema.targets:
            return self._of_columns(task, wording)
        if schema.label is None:
            return Learnt(task, schema, f"none, all {len(schema.columns)} columns are values")
        chosen = f"{self._name(schema.label)}, {'as asked for' if said else 'the first column'}"
        if not supervised:
            more = "" if said else ": --label none if all columns are values"
            return Learnt(task, schema, f"{chosen}, is left out{more}")
        values = self._values([schema.label]).get(schema.label) if judged else None
        if values is None or not values.rows:
            return self._of_columns(task, wording, chosen) if numbers else Learnt(task, schema, chosen)
        if not said:
            self._check_guess(schema.label, values, task, wording)
        if numbers or (task == AUTO and said and values.are_amounts):
            return self._of_columns(task if numbers else REGRESS, wording, chosen, alone=not numbers)
        return Learnt(task, schema, f"{chosen} ({self._of_classes(schema.label, values, task, wording)})")

    def _of_classes(self, index: int, values: Values, task: str, wording: Wording) -> str:
        """Return in words how many classes a label has; raises ConfigError where it has none that can be learnt."""
        if why := values.why_not(said=task == CLASSIFY):
            advice = values.advice(wording, said=task == CLASSIFY)
            raise ConfigError(f"{self.source}: the label, {self._name(index)}, {why}; {advice}")
        if task == CLASSIFY or not values.numeric or values.distinct <= DIGITS:
            return values.told
        return f"{values.told}: each number is a class, {wording.setting('task', REGRESS)} learns them as numbers"

    def _check_guess(self, index: int, values: Values, task: str, wording: Wording) -> None:
        """Raise ConfigError, with the question which column it is, where it is not plain that it is the first."""
        if task in (REGRESS, MULTILABEL):
            if self.schema.columns[index].lower() in NAMES:
                return
            example = f"{wording.label} {self._said(len(self.schema.columns) - 1, wording)}"
            raise ConfigError(f"{self.source}: task is {task}, but of which column? Say it, as {example}")
        why = values.why_not(guessed=True, said=task == CLASSIFY)
        if why or self._doubtful(index, values):
            raise ConfigError(self._which(index, why or "is not called so, and another one is", wording))

    def _of_columns(self, task: str, wording: Wording, chosen: str = "", *, alone: bool = False) -> "Learnt":
        """Return what is learnt of columns of numbers or flags; raises ConfigError where one holds something else.

        chosen: which column, in words, where it is one; alone: whether it was told by its values that it is numbers.
        """
        schema = self.schema
        places = schema.targets or (schema.label,) if schema.label is not None else schema.targets
        values = self._values(places)
        flags = bool(values) and all(found.flags for found in values.values())
        if task == CLASSIFY:
            raise ConfigError(
                f"task is {task}, which has one label, but {len(places)} columns are named: expected one, or "
                f"{wording.setting('task', MULTILABEL)}"
            )
        task = task if task != AUTO else MULTILABEL if flags else REGRESS
        for place, found in values.items():
            if wrong := found.why_no_number(task):
                raise ConfigError(f"{self.source}: the target, {self._name(place)}, {wrong}")
        told = chosen or f"{len(places)} columns, {', '.join(map(self._name, places[:SHOWN]))}"
        told += ", ..." if len(places) > SHOWN else ""
        counted = f" ({values[places[0]].told})" if len(values) == 1 else ""
        what = "numbers: regression" if task == REGRESS else "yes or no in each: several labels"
        other = f"; {wording.setting('task', CLASSIFY)} takes each value for a class" if alone else ""
        types = tuple(PLAIN if i in places and each.kind != NUMBER else each for i, each in enumerate(schema.types))
        schema = replace(schema, label=None, targets=tuple(places), flags=task == MULTILABEL, types=types)
        return Learnt(task, schema, f"{told}{counted}, {what}{other}")

    def _doubtful(self, index: int, values: Values) -> bool:
        """Return whether another column bears the name of a label: numbers of a first column may be amounts, too."""
        names = [name.lower() for name in self.schema.columns]
        others = [i for i, name in enumerate(names) if name in NAMES[:4] and i not in (index, *self.schema.dropped)]
        if not values.numeric or names[index] in NAMES or not others or self.schema.header_crc is None:
            return False
        found = self._values(others).values()
        return any(not values.why_not(guessed=True) or values.are_amounts for values in found)

    def suggestion(self) -> tuple[int, str] | None:
        """Return which column may well be the label, and why; None where none looks so.

        It is the first one, which a training takes, but where that holds numbers and another one is called as labels
        are, or the last one holds texts.
        """
        first = next((i for i in range(len(self.schema.columns)) if i not in self.schema.left_out), None)
        if first is None:
            return None
        found = self._likely(first)
        best = next(iter(found), None)
        other = None if best is None else (best, f"{self._name(best)} ({found[best].distinct:,} values)")
        head = replace(self, schema=replace(self.schema, label=first, targets=()))
        try:
            taken = first, head.learnt(None).told
        except ConfigError:
            return other
        values = head._values([first]).get(first)
        if other is None or values is None or not values.numeric or self._is_named(first):
            return taken
        is_last = other[0] == len(self.schema.columns) - 1 and not found[other[0]].numeric
        return other if is_last or self._is_named(other[0]) else taken

    def _is_named(self, index: int) -> bool:
        """Return whether a column is called as labels are."""
        return self.schema.columns[index].lower() in NAMES

    def _which(self, index: int, why: str, wording: Wording) -> str:
        """Return the question which column is the label, with those that look like classes."""
        asked = f"{self.source}: which column is the label? {self._name(index)}, the first one, {why}"
        found = self._likely(index)
        if not found:
            none = "In these rows no other column looks like classes. Give the label with"
            return f"{asked}. {none} {wording.label}, where its values are numbers, too"
        best = list(found)
        kinds = {i: ", numbers" * found[i].are_amounts for i in best[:SHOWN]}
        shown = [f"{self._name(i)} ({found[i].distinct:,} values{kind})" for i, kind in kinds.items()]
        more = f" and {len(best) - SHOWN:,} more" if len(best) > SHOWN else ""
        said = f"{wording.label} {self._said(best[0], wording)}"
        return f"{asked}. These look like classes: {', '.join(shown)}{more}. Say it, as {said}"

    def _likely(self, index: int) -> dict[int, Values]:
        """Return the columns that look like classes, or are called as labels are, the likeliest first, but `index`."""
        last = len(self.schema.columns) - 1
        named = [i for i, name in enumerate(self.schema.columns) if name.lower() in NAMES]
        likely = [*sorted(named, key=lambda i: NAMES.index(self.schema.columns[i].lower())), last]
        looked_at = dict.fromkeys([*likely, *range(min(last, JUDGED))])
        found = {
            i: v
            for i, v in self._values(looked_at).items()
            if v.distinct > 1 and (not v.why_not(guessed=True) or (i in named and v.are_amounts))
        }
        for taken in (index, *self.schema.dropped):
            found.pop(taken, None)
        first = next((i for i in likely if i in found), None)
        best = sorted(found, key=lambda i: (i != first, found[i].numeric, found[i].distinct))
        return {i: found[i] for i in best}

    def _name(self, index: int) -> str:
        """Return a column's index and name, for people."""
        named = self.schema.header_crc is not None
        return f"column {index} {self.schema.columns[index]!r}" if named else f"column {index}"

    def _said(self, index: int, wording: Wording) -> str:
        """Return a column as a shell, or a TOML file, wants it."""
        name = self.schema.columns[index]
        unique = self.schema.header_crc is not None and self.schema.columns.count(name) == 1
        said = name if unique and name.isprintable() and name and not name.startswith("-") else str(index)
        return wording.column(said)

    def rows(self, most: int) -> list[list[str]]:
        """Return the cells of the first rows, as they stand there, at most so many."""
        lines = filled_lines(self.lines)[:most]
        return [cells_of(line.decode(errors="replace"), self.schema.separator) for line in lines]

    @property
    def lines(self) -> bytes:
        """The whole lines of the text, without the header."""
        text = self.text if self.whole else self.text[: max(self.text.rfind(b"\n"), self.text.rfind(b"\r")) + 1]
        return b"".join(whole_lines([text], self.schema.header_crc))

    def _values(self, columns: Iterable[int]) -> dict[int, Values]:
        """Return what columns hold in these rows; nothing where they cannot be read, which the tasks will say."""
        found = {}
        for place, (values, counts) in distinct_cells(self.lines, self.schema, columns, MISSING).items():
            column = self.schema.types[place] if self.schema.types else PLAIN
            found[place] = Values.of(values, numbers_of(counts), self.whole, column)
        return found
