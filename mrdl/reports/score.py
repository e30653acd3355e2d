"""What the designs of a sweep are compared by, in its table and for people: accuracy of classes, or R² of numbers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LEAST_R2 = -1.0  # networks that are far off are all as bad: one that diverged would be all that varies


@dataclass(frozen=True)
class Score:
    """What designs are compared by.

    column: of the table; name: for people; shown: the columns that a table of designs has; knows_nothing: what the
    baseline always says; one: of what a collapsed network says one alone.

    score_of(table).of(done).max()
    """

    column: str
    name: str
    shown: tuple[str, ...]
    knows_nothing: str
    one: str

    def of(self, table: "pd.DataFrame") -> "pd.Series":
        """The score of each design, (designs,) float64; R² not below LEAST_R2."""
        return table[self.column] if self.column == "accuracy" else table[self.column].clip(lower=LEAST_R2)

    def amount(self, value: float, sign: str = "", digits: int = 1) -> str:
        """A difference for people: 3.1 points of accuracy, or 0.031 of R²; sign: "+" where it has one in any case."""
        if self.column != "accuracy":
            return f"{value:{sign}.{digits + 2}f}"
        return f"{100 * value:{sign}.{digits}f} points"

    def at_baseline(self, done: "pd.DataFrame") -> float:
        """The score of the baseline. done: designs that are done."""
        return float(done.baseline.iloc[0]) if self.column == "accuracy" else 0.0

    def told_baseline(self, done: "pd.DataFrame") -> str:
        """The baseline in words. done: designs that are done."""
        if self.column == "accuracy":
            return f"always the majority class: {100 * done.baseline.iloc[0]:.1f} % right"
        return f"always the mean: an RMSE of {done.baseline_rmse.iloc[0]:.6g}"


ACCURACY = Score("accuracy", "accuracy", ("accuracy",), "the majority class", "class")
R2 = Score("r2", "R²", ("r2", "rmse"), "the mean", "number")


def score_of(table: "pd.DataFrame") -> Score:
    """What the designs of a table are compared by."""
    return R2 if "r2" in table else ACCURACY
