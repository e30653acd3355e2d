"""Sweeps side by side: statistics against scipy and closed forms, rules that were planted, and what must be told."""

import json
import math

import numpy as np
import pytest

from mrdl.cli.main import main
from mrdl.errors import ConfigError
from mrdl.nn.design import design_of
from mrdl.reports.comparison.comparison import compare
from mrdl.reports.comparison.ranks import concordance, correlation, holm, of_groups, of_pairs, ranks
from mrdl.reports.comparison.rules import levels, rules_of
from mrdl.reports.comparison.told import as_json, notes, of_pair, verdicts
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.record import Record
from mrdl.sweep.scores import scores

GRID = {"depth": [1, 2, 8], "width": [4, 8, 16, 32], "activation": ["relu", "sigmoid"], "learning_rate": [0.01, 0.1]}
RNG = np.random.default_rng


@pytest.fixture
def planted(tmp_path):
    """Make a sweep whose records are made up: planted("iris", lambda design: 0.9); a score of None: not trained, "why":
    failed for that."""

    def make(name, score, space=GRID, seeds=1, numbers=False, data_seed=None, **sweep):
        rng = RNG(data_seed if data_seed is not None else sum(name.encode()))
        label = (lambda a: f"{a:.4f}") if numbers else (lambda a: "yes" if a > 0 else "no")
        rows = [f"{label(a)},{a:.4f},{b:.4f}" for a, b in rng.normal(size=(120, 2)).tolist()]
        data = tmp_path / f"{name}.csv"
        data.write_text("\n".join(["y,a,b", *rows]) + "\n")
        about = {
            "data": {"label": "y", **({"task": "regress"} if numbers else {})},
            "space": space,
            "sweep": {"backend": "numpy", "seeds": seeds, **sweep},
        }
        made = SweepFolder.create(tmp_path / name, about, str(data))
        tell(made, score, numbers)
        return made

    return make


def tell(made, score, numbers=False):
    told = []
    for record in made.ledger.results():
        found = score(design_of(record.spec))
        known = {"arch_id": record.arch_id, "spec": record.spec, "parameters": 9, "data": "d"}
        if isinstance(found, str):
            told.append(Record.from_json({**known, "status": "failed", "reason": found}))
        elif found is not None:
            measure = {"r2": found, "rmse": 1.0} if numbers else {"accuracy": found}
            low = found <= 0.5 and not numbers
            told.append(
                Record.from_json(
                    {**known, **measure, "status": "done", "loss": 1.0, "collapsed": low, "no_better": low}
                )
            )
    name = f"j-{made.ledger.jobs() + 1:05d}"
    made.ledger.register(name, [[]])
    made.ledger.take_in(name, told)
    made.ledger.harvested(name)


def good(activation=0.05, depth=-0.01, sigma=0.001, seed=0):
    """A score that goes with activation and depth, and with learning rate by chance alone."""
    rng = RNG(seed)

    def score(design):
        deep, relu = len(design.hidden), design.activation == "relu"
        return 0.8 + activation * relu + depth * deep + 0.001 * design.hidden[0] + float(rng.normal(0, sigma))

    return score


# --- statistics against others ---


def samples():
    rng = RNG(5)
    for count, tied in ((5, 0), (12, 3), (40, 6), (300, 0)):
        x = rng.normal(size=count)
        y = 0.5 * x + rng.normal(size=count)
        yield (np.digitize(x, np.linspace(-2, 2, tied)), np.digitize(y, np.linspace(-2, 2, tied))) if tied else (x, y)


@pytest.mark.parametrize("sample", list(samples()), ids=["5", "12 tied", "40 tied", "300"])
def test_ranks_and_their_tests_are_those_of_scipy(sample):
    from scipy import stats

    x, y = (np.asarray(values, float) for values in sample)
    assert ranks(x).tolist() == stats.rankdata(x).tolist()
    assert correlation(x, y).rho == pytest.approx(stats.spearmanr(x, y).statistic)
    exact = stats.mannwhitneyu(x, y, use_continuity=True, method="asymptotic")
    assert of_groups(x, y).chance == pytest.approx(exact.pvalue)
    assert of_groups(x, y).won == pytest.approx(exact.statistic / len(x) ** 2)
    paired = stats.wilcoxon(x, y, zero_method="wilcox", correction=True, method="asymptotic")
    assert of_pairs(x, y).chance == pytest.approx(paired.pvalue)


def test_agreement_is_friedmans_statistic_by_its_most():
    from scipy import stats

    rng = RNG(1)
    table = np.round(rng.normal(size=(30, 1)) + rng.normal(size=(30, 4)), 1)
    w = concordance(table)
    assert 4 * 29 * w == pytest.approx(stats.friedmanchisquare(*table).statistic)
    assert concordance(np.repeat(np.arange(9.0)[:, None], 3, 1)) == pytest.approx(1)
    assert concordance(np.stack([np.arange(9.0), -np.arange(9.0)], 1)) == pytest.approx(0)
    assert math.isnan(concordance(np.stack([np.arange(9.0), np.ones(9)], 1))), "one order alone agrees with none"


def test_the_interval_of_a_rank_correlation_is_the_closed_form_and_holds_as_often_as_it_says():
    rng, held = RNG(2), 0
    x = rng.normal(size=50)
    found = correlation(x, x + rng.normal(size=50))
    reach = 1.959964 * math.sqrt((1 + found.rho**2 / 2) / 47)
    assert math.atanh(found.high) - math.atanh(found.rho) == pytest.approx(reach, rel=1e-5)
    true = 6 / math.pi * math.asin(0.6 / 2)  # Spearman's of normal numbers of correlation 0.6
    for _ in range(1000):
        x, e = rng.normal(size=(2, 40))
        found = correlation(x, 0.6 * x + 0.8 * e)
        held += found.low <= true <= found.high
    assert 930 <= held <= 970


def test_full_agreement_of_few_designs_is_not_taken_for_certain():
    ends = [correlation(np.arange(n), np.arange(n) ** 3) for n in (4, 6, 10, 100)]
    assert [found.rho for found in ends] == [1.0] * 4 and all(found.high == 1 for found in ends)
    assert ends[0].low < 0 < ends[1].low < ends[2].low < 0.95 < ends[3].low
    assert math.isnan(correlation(np.arange(3), np.arange(3)).low), "of three there is no interval"


def test_scores_that_differ_by_the_order_of_a_sum_alone_are_equal():
    assert ranks(np.array([0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1, 0.7])).tolist() == [1.5, 1.5, 3]


def test_chances_are_corrected_as_holm_says():
    assert holm([0.01, 0.04, math.nan, 0.03])[:2] == pytest.approx([0.03, 0.06])
    assert holm([0.01, 0.04, math.nan, 0.03])[3] == pytest.approx(0.06)


# --- what was planted is found ---


def test_a_rule_holds_where_it_was_planted_is_reversed_where_it_was_turned_and_chance_is_no_rule(planted):
    made = {
        "iris": planted("iris", good(seed=1)),
        "digits": planted("digits", good(seed=2)),
        "odd": planted("odd", good(activation=-0.05, seed=3)),
    }
    found = compare(made)
    words = [rule.words(list(made)) for rule in found.rules]
    assert "relu is better than sigmoid: holds on 2 of 3, reversed on odd" in words
    assert "2 hidden layers are better than 8: holds on 3 of 3" in words
    (rate,) = [rule for rule in found.rules if rule.choice == "learning_rate"]
    assert rate.count("not shown") == 3
    first, *_ = found.rules
    assert first.count("holds") == 3 and first.paired, "those that hold on all come first"


def test_designs_are_compared_by_ranks_and_the_best_is_that_of_the_best_mean_rank(planted):
    made = {"iris": planted("iris", good(seed=1)), "digits": planted("digits", good(seed=2))}
    found = compare(made)
    (pair,) = found.pairs
    assert found.shared == pair.found.shared == 48
    assert 0.9 < pair.found.low < pair.found.rho < pair.found.high < 1
    best = found.best[0]
    assert (best.design["activation"], best.design["hidden"]) == ("relu", [32])
    assert best.mean_rank == np.mean(best.ranks) <= found.best[1].mean_rank
    for name, arch_id in zip(made, best.arch_ids, strict=True):
        assert arch_id in set(made[name].table().arch_id), "each sweep has a name of its own for it"
    assert "rank designs much alike" in verdicts(found)[0]


def test_scores_are_means_over_seeds_before_they_are_ranked(planted):
    def lucky(design):
        return 0.99 if design.seed == 0 and design.hidden == (4,) else 0.6 + 0.01 * design.hidden[0]

    space = {"depth": 1, "width": [4, 8, 16, 32]}
    found = compare({n: planted(n, lucky, space, seeds=5) for n in ("a", "b")})
    assert found.shared == 4 and found.best[0].design["hidden"] == [32]
    assert found.best[0].scores == pytest.approx((0.92, 0.92))


def test_groups_are_compared_where_designs_have_no_twin(planted):
    space = {
        "depth": {"min": 1, "max": 9},
        "width": {"min": 2, "max": 90},
        "learning_rate": {"min": 0.001, "max": 0.1},
    }
    made = {n: planted(n, good(seed=s), space, sampler="random", count=200) for s, n in enumerate("ab")}
    rules = [rule for rule in compare(made).rules if rule.choice == "depth"]
    assert rules and not any(rule.paired for rule in rules)
    assert rules[0].count("holds") == 2 and int(rules[0].better.split(" to ")[0]) < int(rules[0].worse.split(" to ")[0])


def test_a_difference_too_small_to_act_upon_is_no_rule():
    import pandas as pd

    designs = pd.DataFrame({"depth": np.repeat([1, 2], 500), "width": np.tile(np.arange(500), 2), "hidden": "x"})
    for name in ("shape", "activation", "initialisation", "residual", "dropout", "batch_size", "optimizer"):
        designs[name] = 0
    designs[["learning_rate", "epochs"]] = 0
    score = np.where(designs.depth == 1, 0.804, 0.8)[:, None]
    (rule,) = (rule for rule in rules_of(designs, score) if rule.choice == "depth")
    assert rule.verdicts[0].found.chance < 1e-9 and rule.verdicts[0].kind == "not shown"


def test_many_values_of_a_number_are_four_groups_and_names_say_which():
    import pandas as pd

    assert levels(pd.Series([8, 1, 2, 8]))[0] == ["1", "2", "8"]
    names, place = levels(pd.Series(range(1, 101)))
    assert names == ["1 to 25", "26 to 50", "51 to 75", "76 to 100"] and np.bincount(place).tolist() == [25] * 4
    assert levels(pd.Series([True, False]))[0] == [False, True]


# --- what must be told ---


def test_designs_that_failed_or_were_not_trained_are_left_out_and_told(planted):
    def half(design):
        if design.activation == "sigmoid":
            return None
        return "out of memory" if len(design.hidden) == 8 else good()(design)

    made = {"whole": planted("whole", good(seed=1)), "half": planted("half", half)}
    found = compare(made)
    assert found.shared == 16
    told = " | ".join(notes(found))
    assert "24 designs of half are not trained yet" in told and "8 designs of half failed" in told


def test_few_designs_are_told(planted):
    space = {"depth": 1, "width": [1, 2, 3]}
    found = compare({n: planted(n, good(), space) for n in "ab"})
    assert "only 3 designs are shared by all" in " ".join(notes(found))
    assert "share too few designs to tell" in verdicts(found)[0] and "expected 10 or more" in verdicts(found)[0]
    assert all(verdict.kind == "not tested" for rule in found.rules for verdict in rule.verdicts)


def test_scores_that_do_not_vary_have_no_ranks(planted):
    made = {"flat": planted("flat", lambda design: 0.5), "b": planted("b", good())}
    found = compare(made)
    assert math.isnan(found.pairs[0].found.rho)
    assert "all 48 designs have the same score on flat, so they have no ranks" in of_pair(found.pairs[0], found.sides)
    assert found.matters[0] == {}
    told = as_json(found)
    assert json.loads(json.dumps(told, allow_nan=False)) == told and told["pairs"][0]["spearman"] is None


def test_designs_that_collapsed_are_told_apart(planted):
    """That deep ones collapse on both is all that the two agree on."""

    def score(seed):
        rng = RNG(seed)
        return lambda design: 0.4 if len(design.hidden) == 8 else float(rng.uniform(0.6, 0.9))

    found = compare({"a": planted("a", score(1)), "b": planted("b", score(2))})
    (pair,) = found.pairs
    assert pair.found.low > 0.1 and pair.healthy.low < 0 < pair.healthy.high and pair.healthy.shared == 32
    assert "without those that collapsed on either" in verdicts(found)[0]


def test_only_designs_of_as_many_epochs_are_compared_where_one_was_halved(planted):
    halving, space = {"first": 2, "eta": 2}, {**GRID, "epochs": 4}
    a = planted("a", good(seed=1), space, halving=halving)
    while a.plan_more():
        tell(a, good(seed=1))
    assert set(scores(a).epochs) == {2, 4}
    b = planted("b", good(seed=2), space)
    found = compare({"a": a, "b": b})
    assert found.epochs == 4 and found.shared == 24
    told = " ".join(notes(found))
    assert "designs of 4 epochs alone" in told and "on a these are only the designs that were good" in told
    c = planted("c", good(seed=3), {**GRID, "epochs": 8}, halving=halving)
    assert compare({"a": a, "c": c}).epochs == 2
    with pytest.raises(ConfigError, match=r"as many epochs, but the sweeps have none in common \(c: 2; b: 4\)"):
        compare({"c": c, "b": b})


def test_classes_and_numbers_are_compared_by_ranks(planted):
    made = {"classes": planted("classes", good()), "numbers": planted("numbers", good(seed=4), numbers=True)}
    found = compare(made)
    assert found.pairs[0].found.rho > 0.9 and [side.score.column for side in found.sides] == ["accuracy", "r2"]
    assert "scores are of different kinds (accuracy on classes, R² on numbers)" in " ".join(notes(found))


def test_two_sweeps_of_the_same_rows_are_told(planted):
    found = compare({n: planted(n, good(seed=i), data_seed=7) for i, n in enumerate("ab")})
    assert "a and b are of the same rows" in " ".join(notes(found))


def test_what_is_the_luck_of_seeds_is_told(planted):
    def chance(seed):
        rng = RNG(seed)
        return lambda design: float(rng.uniform(0.6, 0.9))

    found = compare({"luck": planted("luck", chance(1), seeds=2), "b": planted("b", good(), seeds=2)})
    (sigma, share), (_, little) = found.luck
    assert sigma == pytest.approx(0.3 / math.sqrt(12), rel=0.25) and share > 0.6 and little < 0.1
    told = " ".join(notes(found))
    assert "of what varies between designs is the luck of seeds" in told and "on b " not in told


def test_sweeps_without_a_design_in_common_are_refused_with_what_differs(planted):
    made = {
        "a": planted("a", good(), {"width": [1, 2], "epochs": 3}),
        "b": planted("b", good(), {"width": [1, 2], "epochs": 5}),
    }
    with pytest.raises(
        ConfigError, match="a shares no design with b.*epochs is 3, there 5.*Run the same spec on other"
    ):
        compare(made)
    empty = planted("empty", lambda design: None)
    with pytest.raises(ConfigError, match="no design of empty is trained to its end.*mrdl sweep resume empty"):
        compare({"a": made["a"], "empty": empty})
    with pytest.raises(ConfigError, match="expected two or more"):
        compare({"a": made["a"]})


def test_of_three_sweeps_that_share_designs_by_twos_only_pairs_are_compared(planted):
    widths = {"a": [1, 2, 3, 4, 5], "b": [4, 5, 6, 7, 8], "c": [7, 8, 9, 1, 2]}
    found = compare({n: planted(n, good(), {"width": w}) for n, w in widths.items()})
    assert [pair.found.shared for pair in found.pairs] == [2, 2, 2]
    assert (found.shared, found.rules, found.best) == (0, (), ())
    assert "no design is done on all of them" in notes(found)[0]
    json.dumps(as_json(found), allow_nan=False)


def test_the_scores_in_bulk_are_those_of_the_table(planted):
    made = planted("a", lambda d: None if d.seed else "why" if d.activation == "relu" else 0.7, seeds=2)
    tell(made, lambda design: 0.8 if design.activation == "relu" else None)  # what failed is tried again, and done
    quick, whole = scores(made), made.table()
    for name in ("arch_id", "status", "hidden", "depth", "width", "activation", "residual", "epochs", "seed"):
        assert quick[name].tolist() == whole[name].tolist(), name
    np.testing.assert_array_equal(quick.accuracy, whole.accuracy)
    assert set(quick.status) == {"done"} | {"planned"} and quick.design.nunique() == len(quick) / 2


# --- on the command line ---


def test_the_command_prints_what_the_web_page_reads(planted, tmp_path, monkeypatch, capsys):
    for seed, name in enumerate(("iris", "digits")):
        planted(f"sweeps/{name}".replace("/", "-"), good(seed=seed))
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "compare", "sweeps-iris", "sweeps-digits", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {
        "sweeps", "epochs", "shared", "notes", "says", "pairs", "agreement", "transfers", "rules", "best", "methods",
    }  # fmt: skip
    assert [side["name"] for side in told["sweeps"]] == ["sweeps-iris", "sweeps-digits"]
    assert len(told["pairs"][0]["points"]["x"]) == told["shared"] == 48
    assert main(["sweep", "compare", "sweeps-iris", "sweeps-digits"]) == 0
    said = capsys.readouterr().out
    assert "relu is better than sigmoid" in said and "2 of 2" in said and "mean rank" in said


def test_a_sweep_that_is_named_twice_is_refused(planted, tmp_path, capsys):
    made = planted("a", good())
    assert main(["sweep", "compare", str(made.path), str(made.path)]) == 2
    assert "named twice" in capsys.readouterr().err
    assert main(["sweep", "compare", str(made.path), str(tmp_path / "." / "a")]) == 2
    assert main(["sweep", "compare", str(made.path)]) == 2
    assert "expected two or more" in capsys.readouterr().err


def test_names_are_text_on_the_page_whatever_they_say(planted, tmp_path, monkeypatch, capsys):
    evil = "<script>alert(1)<!--=1+1 🦊 אבג"
    for name in (evil, "b"):
        planted(name, good())
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "compare", evil, "b", "--html", "page.html"]) == 0
    page = (tmp_path / "page.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page
    drawn = page[page.index("const drawn = ") :]
    assert "<!--" not in drawn and "\\u003c" not in drawn.replace("&lt;", ""), "plotly takes some tags for its own"


def test_a_page_that_cannot_be_written_is_told(planted, tmp_path, monkeypatch, capsys):
    for name in "ab":
        planted(name, good())
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "compare", "a", "b", "--html", "no/page.html"]) == 2
    assert "no/page.html cannot be written" in capsys.readouterr().err
