"""What a sweep's table says, with intervals: trends, importance, the Pareto front, and verdicts in words."""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mrdl.nn.design import brief
from mrdl.reports.score import score_of
from mrdl.reports.trends import trend

if TYPE_CHECKING:
    import pandas as pd

TRAINING = (  # choices of a design beside its layers
    "activation",
    "initialisation",
    "residual",
    "dropout",
    "batch_size",
    "optimizer",
    "learning_rate",
    "epochs",
)
CHOICES = ("depth", "width", "parameters", *TRAINING)
FEW, MOST_SLOPES = 300, 2000  # designs in a draw of the bootstrap, and that slopes are taken between
QUANTILES = 4  # groups of a numeric choice
MOST_TRIALS, LEAST_TRIALS = 5_000, 20  # that Optuna is asked of


def noise(table: "pd.DataFrame") -> float:
    """The standard deviation of the score between seeds of the same design, pooled.

    table: of a sweep, a row a design. Returns nan where no design was repeated.
    """
    done = table[table.status == "done"]
    same = [c for c in done.columns if c in (*CHOICES, "hidden")]
    score, groups = score_of(table).of(done), done.groupby(same, dropna=False)
    free = len(done) - groups.ngroups
    deviations = score - score.groupby(groups.ngroup()).transform("mean")
    return math.sqrt(float((deviations**2).sum()) / free) if free else math.nan


def families(table: "pd.DataFrame") -> list[tuple[str, "pd.DataFrame"]]:
    """The groups of designs that may be compared by depth, each with its name.

    table: of a sweep. Designs of one group differ in depth, width, seed and numbers alone, not in activation,
    initialisation, residual connections or optimizer.
    """
    done = table[table.status == "done"]
    names = [n for n in ("activation", "initialisation", "residual", "optimizer") if done[n].nunique() > 1]
    if not names:
        return [("all designs", done)]
    found = []
    for values, group in done.groupby(names):
        told = ", ".join(
            f"{n} {v}" if n != "residual" else ("residual" if v else "plain")
            for n, v in zip(names, values, strict=True)
        )
        found.append((told, group))
    return found


def time_by_depth(table: "pd.DataFrame", seed: int = 0) -> tuple[float, float, float, float]:
    """What a layer takes: CPU seconds by Theil and Sen's slope.

    table: of a sweep; seed: of the bootstrap. Looks at the largest group of designs of one width, batch size and number
    of epochs whose time is known. Returns the slope, the ends of its 95 % by bootstrap, and the share of variance that
    a straight line explains; nan each where fewer than three depths are there.
    """
    done = table[(table.status == "done") & table.cpu_s.notna()]
    if not len(done):
        return (math.nan,) * 4
    group = max((g for _, g in done.groupby(["width", "epochs", "batch_size"])), key=len)
    x, y = group.depth.to_numpy(float), group.cpu_s.to_numpy(float)
    if len(np.unique(x)) < 3:
        return (math.nan,) * 4
    rng = np.random.default_rng(seed)
    slopes = [_slope(x[pick], y[pick]) for pick in (rng.integers(0, len(x), min(len(x), FEW)) for _ in range(200))]
    line = np.polyfit(x, y, 1)
    explained = 1 - ((y - np.polyval(line, x)) ** 2).sum() / max(((y - y.mean()) ** 2).sum(), 1e-12)
    slope, shrink = _slope(x, y), math.sqrt(min(len(x), FEW) / len(x))  # a draw of few varies more than all do
    low, high = (slope + shrink * (end - slope) for end in np.nanpercentile(slopes, [2.5, 97.5]))
    return slope, float(low), float(high), float(explained)


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Theil and Sen's slope: the median of those between any two points. x, y: (points,)."""
    if len(x) > MOST_SLOPES:
        pick = np.random.default_rng(0).choice(len(x), MOST_SLOPES, replace=False)
        x, y = x[pick], y[pick]
    i, j = np.triu_indices(len(x), 1)
    apart = x[i] != x[j]
    return float(np.median((y[j] - y[i])[apart] / (x[j] - x[i])[apart])) if apart.any() else math.nan


def importance(table: "pd.DataFrame") -> dict[str, float]:
    """The share of the variance of the score between the groups of each choice, the largest first.

    table: of a sweep. What chance gives as many groups is taken off (one-way ANOVA's epsilon squared; a numeric choice
    in four groups). Choices act together, so the shares need not add up to 1.
    """
    done = table[table.status == "done"]
    score = score_of(table).of(done)
    total = ((score - score.mean()) ** 2).sum()
    found = {}
    for name in CHOICES:
        values = done[name]
        if values.nunique() < 2 or not total:
            continue
        if values.nunique() > 2 * QUANTILES:
            values = (values.rank(pct=True) * QUANTILES).apply(math.ceil)
        within = ((score - score.groupby(values).transform("mean")) ** 2).sum()
        free = len(done) - values.nunique()
        if free > 0:
            by_chance = (values.nunique() - 1) * within / free
            found[name] = max(0.0, float((total - within - by_chance) / total))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def ped_anova(table: "pd.DataFrame") -> dict[str, float]:
    """The importance of each choice for being among the best, by Optuna's PED-ANOVA.

    table: of a sweep; a drawn sample stands for more than 5,000 designs (Watanabe, Bansal, Hutter, 2023). Empty where
    Optuna is not installed, or fewer than 20 designs are done.
    """
    try:
        import optuna
    except ImportError:
        return {}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    done = table[table.status == "done"]
    done = done.sample(min(len(done), MOST_TRIALS), random_state=0)
    names = [name for name in CHOICES if done[name].nunique() > 1]
    if len(done) < LEAST_TRIALS or not names:
        return {}
    axes = {name: _distribution(done[name]) for name in names}
    scored = done[names].assign(score=score_of(done).of(done))
    study = optuna.create_study(direction="maximize")
    study.add_trials(
        [
            optuna.trial.create_trial(params=dict(zip(names, values, strict=True)), distributions=axes, value=score)
            for score, *values in scored[["score", *names]].astype(object).itertuples(index=False)
        ]
    )
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():  # that it ranks for low values, whatever the direction of the study
        warnings.simplefilter("ignore")
        found = optuna.importance.get_param_importances(
            study, evaluator=evaluator, target=lambda trial: -(trial.value or 0.0)
        )
    return {name: float(share) for name, share in found.items()}


def _distribution(values: "pd.Series") -> Any:
    """What a setting was drawn from, by its values, as optuna has it: categories, whole numbers or numbers.

    Numbers above 0 whose largest is more than 100 times the least count by their logarithms.
    """
    from optuna import distributions

    if values.dtype.kind not in "if" or values.dtype == bool:
        return distributions.CategoricalDistribution(sorted(values.unique().tolist()))
    low, high = values.min(), values.max()
    log = bool(low > 0 and high > 100 * low)
    if values.dtype.kind == "i":
        return distributions.IntDistribution(int(low), int(high), log=log)
    return distributions.FloatDistribution(float(low), float(high), log=log)


def best(done: "pd.DataFrame", count: int) -> "pd.DataFrame":
    """The designs of the highest score, a row each whatever the number of seeds.

    done: the rows of a sweep's table that are done; count: how many are wanted. The score and other numbers are means
    over the seeds, `seeds` says of how many, `spread` is the standard deviation of the score, nan of one.
    """
    same = [name for name in (*CHOICES, "hidden") if name in done]
    groups = done.groupby(same, dropna=False, sort=False)
    found = groups.mean(numeric_only=True).assign(seeds=groups.size(), spread=groups[score_of(done).column].std())
    if "arch_id" in done:
        found = found.assign(arch_id=groups.arch_id.first())  # a name of it, as `mrdl train --from-sweep` takes it
    return found.reset_index().nlargest(count, score_of(done).column)


def best_as_text(done: "pd.DataFrame", count: int, names: Sequence[str]) -> list[list[str]]:
    """The best designs for people, a row each with a cell for each name; done, count: as for `best`."""
    rows = []
    for row in best(done, count).itertuples():
        values = [brief(str(row.hidden).split("-")) if name == "hidden" else getattr(row, name) for name in names]
        rows.append([f"{v:.4g}" if isinstance(v, float) else str(v) for v in values])
    return rows


def pareto(table: "pd.DataFrame", names: Sequence[str] = ("parameters", "cpu_s")) -> "pd.DataFrame":
    """The designs that no other one beats in score without more of something, the most accurate first.

    table: of a sweep; names: the columns of what is spent. Designs of which one of them is not known are left out.
    """
    done = (
        table[table.status == "done"]
        .dropna(subset=list(names))
        .sort_values([score_of(table).column, *names], ascending=[False, *(True for _ in names)])
    )
    kept: list[int] = []
    costs = done[list(names)].to_numpy(float)
    least = np.empty((0, len(names)))
    for i, cost in enumerate(costs):
        if not len(least) or not (least <= cost).all(1).any():
            kept.append(i)
            least = np.vstack([least[~(cost <= least).all(1)], cost])
    return done.iloc[kept]


def importances(table: "pd.DataFrame") -> dict[str, dict[str, float]]:
    """The shares of each choice, by the words for what they are shares of."""
    return {
        f"what {score_of(table).name} varies with (epsilon squared of a one-way ANOVA each)": importance(table),
        "what tells the best from the rest (Optuna's PED-ANOVA)": ped_anova(table),
    }


def verdicts(table: "pd.DataFrame", shares: Mapping[str, Mapping[str, float]]) -> list[str]:
    """All that can be said of a sweep in words, the noise first: what lies below it must not be read.

    table: of a sweep; shares: of `importances`. Returns a sentence each, without a point.
    """
    done = table[table.status == "done"]
    if not len(done):
        return ["no design was trained to its end, so nothing can be said"]
    sigma, score = noise(table), score_of(table)
    told = [
        f"seeds alone move {score.name} by {score.amount(sigma, digits=2)} (one standard deviation): differences below "
        f"{score.amount(2 * sigma)} between two designs must not be read"
        if sigma == sigma
        else "no design was repeated with another seed: how much of a difference is noise is not known"
    ]
    told += _of_the_baseline(done)
    for name, group in families(table):
        told.append(trend(name, group, sigma).words())
    slope, low, high, explained = time_by_depth(table)
    if slope == slope:
        straight = "a straight line explains" if explained > 0.8 else "a straight line explains only"
        told.append(
            f"a layer takes {slope:.4f} CPU s (95 %: {low:.4f} to {high:.4f}); {straight} {100 * explained:.0f} % "
            "of how time varies with depth"
        )
    for method, of in shares.items():
        if of:
            told.append(f"{method}: " + ", ".join(f"{name} {100 * share:.0f} %" for name, share in of.items()))
    return told


def _of_the_baseline(done: "pd.DataFrame") -> list[str]:
    """How many designs say one class or number only, and how many others are not shown to be better than knowing
    nothing."""
    score = score_of(done)
    collapsed = done.collapsed.eq(True)
    others = int((done.no_better.eq(True) & ~collapsed).sum())
    told = []
    if collapsed.any():
        told.append(
            f"{int(collapsed.sum())} of {len(done)} designs say one {score.one}, whatever comes in: they have collapsed"
        )
    if others:
        more = "more" if collapsed.any() else f"of {len(done)} designs"
        told.append(f"{others} {more} are not shown to be better than always saying {score.knows_nothing} (two sigma)")
    return told
