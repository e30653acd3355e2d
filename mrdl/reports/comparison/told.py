"""A comparison in words and as JSON: what must not be read first, then what holds."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from mrdl.nn.design import brief
from mrdl.reports.comparison.comparison import Comparison, Good, Pair
from mrdl.reports.comparison.ranks import Correlation
from mrdl.reports.comparison.rules import CHANCE, HOLDS, REVERSED, SMALLEST, Rule
from mrdl.reports.comparison.sides import Side

FEW = 10  # designs, of fewer a correlation says little
MUCH_LUCK = 0.3  # of the variance between designs
METHODS = {
    "rank correlation": "Spearman's, ties share their mean rank; 95 % by Fisher's z with the error of Bonett and "
    "Wright (2000), as if the designs were drawn at random",
    "agreement": "Kendall's W with ties: 1 is full agreement, 1 / sweeps what chance gives in the mean",
    "rules": "Wilcoxon's signed ranks of designs that differ in one choice alone, or Mann and Whitney's U of groups; "
    f"a rule holds where the chance is below {CHANCE:g}, corrected for all rules (Holm), and scores differ by "
    f"{SMALLEST:g} or more in the mean",
    "importance": "epsilon squared of a one-way ANOVA for each choice",
}


def notes(found: Comparison) -> list[str]:
    """What must be known before a comparison is read, a sentence each without a point."""
    return [*_of_designs(found), *_of_data(found.sides), *_of_luck(found)]


def _of_designs(found: Comparison) -> list[str]:
    """What is to be known of which designs are compared."""
    told = []
    if found.epochs is not None:
        told.append(f"one was halved, so designs of {found.epochs} epochs alone are compared")
        told += [
            f"on {side.name} these are only the designs that were good after fewer epochs, which lie closer together"
            for side in found.sides
            if side.rungs and found.epochs != side.rungs[0]
        ]
    if not found.shared:
        told.append("no design is done on all of them: only two at a time are compared, and no rule is told")
    elif found.shared < FEW:
        told.append(f"only {found.shared} designs are shared by all: expect nothing to be shown")
    for side in found.sides:
        left, failed = side.count("planned"), side.count("failed")
        if left:
            told.append(f"{left} designs of {side.name} are not trained yet, and left out")
        if failed:
            told.append(f"{failed} designs of {side.name} failed, and are left out on all")
    seeds = {len(side.done) / max(1, len(side.means)) for side in found.sides}
    if len(seeds) > 1:
        told.append("designs were trained with other numbers of seeds: their means are not equally sure")
    return told


def _of_data(sides: Sequence[Side]) -> list[str]:
    """What is to be known of the data sets and their scores."""
    told = [
        f"{a.name} and {b.name} are of the same rows: that they agree says nothing of other data"
        for a, b in combinations(sides, 2)
        if a.digest == b.digest
    ]
    if len({side.score.column for side in sides}) > 1:
        each = ", ".join(f"{side.score.name} on {side.name}" for side in sides)
        told.append(f"scores are of different kinds ({each}): ranks are compared, not the scores themselves")
    return told


def _of_luck(found: Comparison) -> list[str]:
    """What is to be known of how much of the scores is luck."""
    told = []
    for side, (sigma, share) in zip(found.sides, found.luck, strict=True):
        if share >= MUCH_LUCK:
            told.append(
                f"on {side.name} {100 * share:.0f} % of what varies between designs is the luck of seeds (one standard "
                f"deviation: {side.score.amount(sigma, digits=2)}): it can agree with none by much"
            )
    if found.shared and all(math.isnan(sigma) for sigma, _ in found.luck):
        told.append("no design was repeated with another seed: how much is luck is not known")
    return told


# --- what it says ---


def verdicts(found: Comparison) -> list[str]:
    """What a comparison says, a sentence each without a point."""
    told = [of_pair(pair, found.sides) for pair in found.pairs]
    sides = len(found.sides)
    if sides > 2 and not math.isnan(found.agreement):
        chance = f"Kendall's W {found.agreement:.2f}, where chance gives {1 / sides:.2f} and 1 is full agreement"
        told.append(f"all {sides} together: {chance}, over {found.shared} designs")
    for each in found.transfers:
        if each.designs and each.rank == each.rank:
            of, on = found.sides[each.of], found.sides[each.on]
            told.append(
                f"the best of {of.name} is number {each.rank:.0f} of {each.designs} on {on.name}, "
                f"{on.score.amount(each.loss)} below the best there"
            )
    if found.rules:
        holds = sum(rule.count(HOLDS) == sides for rule in found.rules)
        some = sum(bool(rule.count(HOLDS)) and bool(rule.count(REVERSED)) for rule in found.rules)
        told.append(
            f"of {len(found.rules)} rules {holds} hold on all {sides}, {some} hold on some and are reversed on others"
        )
    return told


def of_pair(pair: Pair, sides: Sequence[Side]) -> str:
    """How alike two sweeps rank designs, in words."""
    a, b, of = sides[pair.first], sides[pair.second], pair.found
    if not of.shared:
        return f"{a.name} and {b.name} share no design"
    if math.isnan(of.rho):
        flat = " and ".join(side.name for side in (a, b) if side.means.round(12).nunique() < 2)
        where = f" on {flat}" if flat else ""
        return f"{a.name} and {b.name}: all {of.shared} designs have the same score{where}, so they have no ranks"
    told = f"{a.name} and {b.name} {_alike(of)}: {_figures(of)}"
    told += f", which is few: expected {FEW} or more" if of.shared < FEW else ""
    without = pair.healthy
    if of.shared > without.shared >= 4 and not math.isnan(without.rho):
        told += f"; without those that collapsed on either {_figures(without)}"
    return told


def _alike(of: Correlation) -> str:
    """How alike two data sets rank designs, by the interval."""
    if math.isnan(of.low):
        return "share too few designs to tell"
    if of.low > 0.5:
        return "rank designs much alike"
    if of.low > 0:
        return "rank designs somewhat alike"
    return "rank designs the other way round" if of.high < 0 else "are not shown to rank designs alike"


def _figures(of: Correlation) -> str:
    ends = "" if math.isnan(of.low) else f" (95 %: {of.low:.2f} to {of.high:.2f})"
    return f"rank correlation {of.rho:.2f}{ends} over {of.shared} designs"


def design_words(design: Good, varying: Sequence[str]) -> str:
    """The layers of a design, and its choices that vary: 64-32, relu, plain, learning rate 0.001."""
    words = {
        "residual": "residual" if design.design["residual"] else "plain",
        "learning_rate": f"learning rate {design.design['learning_rate']:.3g}",
        "dropout": f"dropout {design.design['dropout']:.3g}",
        "batch_size": f"batches of {design.design['batch_size']}",
        "epochs": f"{design.design['epochs']} epochs",
    }
    told = [words.get(name, str(design.design[name])) for name in varying if name in design.design]
    return ", ".join([brief(design.design["hidden"]), *told])


# --- as JSON ---


def as_json(found: Comparison) -> dict[str, Any]:
    """A comparison as an object of JSON, as docs/sweeps.md has it; what is not known is null."""
    names = [side.name for side in found.sides]
    return _known(
        {
            "sweeps": [_side(found, i) for i in range(len(names))],
            "epochs": found.epochs,
            "shared": found.shared,
            "notes": notes(found),
            "says": verdicts(found),
            "pairs": [_pair(pair, found.sides) for pair in found.pairs],
            "agreement": {"kendall_w": found.agreement, "by_chance": 1 / len(names)},
            "transfers": [
                {"best_of": names[t.of], "on": names[t.on], "rank": t.rank, "of": t.designs, "loss": t.loss}
                for t in found.transfers
            ],
            "rules": [_rule(rule, names) for rule in found.rules],
            "best": [_good(good, names, found.varying) for good in found.best],
            "methods": METHODS,
        }
    )


def _side(found: Comparison, i: int) -> dict[str, Any]:
    """A sweep as JSON has it."""
    side, (sigma, share) = found.sides[i], found.luck[i]
    return {
        "name": side.name,
        "source": side.source,
        "label": side.label,
        "score": side.score.column,
        "score_name": side.score.name,
        "baseline": side.baseline,
        "trainings": len(side.table),
        "designs": len(side.means),
        **{status: side.count(status) for status in ("done", "failed", "planned")},
        "collapsed": int(side.done.collapsed.sum()),
        "noise": sigma,
        "luck": share,
        "matters": dict(found.matters[i]),
    }


def _pair(pair: Pair, sides: Sequence[Side]) -> dict[str, Any]:
    """Two sweeps as JSON has them."""
    return {
        "sweeps": [sides[pair.first].name, sides[pair.second].name],
        **_correlation(pair.found),
        "without_collapsed": _correlation(pair.healthy),
        "words": of_pair(pair, sides),
        "points": {"x": pair.points[:, 0].tolist(), "y": pair.points[:, 1].tolist()},
    }


def _correlation(of: Correlation) -> dict[str, Any]:
    """A correlation as JSON has it."""
    return {"shared": of.shared, "spearman": of.rho, "low": of.low, "high": of.high}


def _rule(rule: Rule, names: Sequence[str]) -> dict[str, Any]:
    """A rule as JSON has it."""
    return {
        "choice": rule.choice,
        "better": rule.better,
        "worse": rule.worse,
        "claim": rule.claim(),
        "words": rule.words(names),
        "holds": rule.count(HOLDS),
        "reversed": rule.count(REVERSED),
        "compared": "pairs" if rule.paired else "groups",
        "on": [
            {
                "sweep": name,
                "verdict": verdict.kind,
                "difference": verdict.found.mean,
                "won": verdict.found.won,
                "pairs": verdict.found.pairs,
                "chance": verdict.found.chance,
            }
            for name, verdict in zip(names, rule.verdicts, strict=True)
        ],
    }


def _good(good: Good, names: Sequence[str], varying: Sequence[str]) -> dict[str, Any]:
    """A good design as JSON has it."""
    each = zip(names, good.ranks, good.scores, good.arch_ids, strict=True)
    return {
        "design": dict(good.design),
        "words": design_words(good, varying),
        "mean_rank": good.mean_rank,
        "on": [{"sweep": name, "rank": rank, "score": score, "arch_id": arch} for name, rank, score, arch in each],
    }


def _known(value: Any) -> Any:
    """The same with null for what is not known, which JSON has no number for."""
    if isinstance(value, dict):
        return {name: _known(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_known(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
