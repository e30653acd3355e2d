"""What a sweep's table says: verdicts on shapes that are known, closed forms, and a page that needs nothing else."""

import json
import re

import chromium
import numpy as np
import pandas as pd
import pytest

from mrdl.errors import DataError
from mrdl.reports import figures
from mrdl.reports.analysis import (
    best,
    families,
    importance,
    importances,
    noise,
    pareto,
    ped_anova,
    time_by_depth,
    verdicts,
)
from mrdl.reports.sweep_report import write_report
from mrdl.reports.trends import trend

DEPTHS = np.repeat([1, 2, 4, 8, 16, 32, 64, 128], 12)
SHAPES = {  # accuracy by depth, what is found, and from which depth on
    "flat": (lambda d: np.full(len(d), 0.9), "none", None),
    "step down": (lambda d: np.where(d >= 32, 0.6, 0.9), "declines", 32),
    "sink": (lambda d: np.where(d >= 16, 0.1, 0.9), "sinks", 16),
    "step up": (lambda d: np.where(d >= 8, 0.9, 0.7), "saturates", 8),
    "ever better": (lambda d: 0.5 + 0.06 * np.log2(d), "rises", None),
    "slope down": (lambda d: 0.95 - 0.08 * np.log2(d), "declines", None),
}


def table(accuracy, sigma=0.01, seed=0, **columns):
    """A sweep's table with these accuracies, a design a row, and noise."""
    rng = np.random.default_rng(seed)
    n = len(accuracy)
    found = pd.DataFrame({
        "arch_id": [f"{i:016x}" for i in range(n)], "hidden": [f"{i}" for i in range(n)],
        "parameters": rng.integers(100, 10_000, n), "cpu_s": rng.random(n), "curve": [[2.0, 1.0, 0.5]] * n,
        "status": "done", "reason": "", "depth": 2, "width": 8, "activation": "relu", "initialisation": "he",
        "residual": False, "dropout": 0.0, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.001, "epochs": 3,
        "seed": 0, "baseline": 0.1, "loss": 1.0, "wall_s": 1.0, "attempts": 1, "trained_epochs": 3,
    })  # fmt: skip
    found["accuracy"] = np.asarray(accuracy) + rng.normal(0, sigma, n)
    found["no_better"] = found["collapsed"] = found.accuracy < 0.13
    return found.assign(**columns)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_of_accuracy_by_depth_is_told(shape, seed):
    accuracy, kind, at = SHAPES[shape]
    found = trend("all", table(accuracy(DEPTHS), seed=seed, depth=DEPTHS), sigma=0.01)
    assert found.kind == kind, found.words()
    if at:
        assert found.at == at and found.low <= at <= found.high


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_is_no_trend(seed):
    found = trend("all", table(np.full(len(DEPTHS), 0.8), sigma=0.05, seed=seed, depth=DEPTHS), sigma=0.05)
    assert found.kind == "none", found.words()


def test_too_few_depths_say_nothing():
    depth = np.repeat([1, 64], 20)
    assert trend("all", table(np.where(depth > 1, 0.2, 0.9), depth=depth), 0.01).kind == "none"


def test_noise_is_the_deviation_between_seeds_of_one_design():
    rng = np.random.default_rng(0)
    design = np.repeat(np.arange(300), 4)
    level = rng.random(300)[design]
    found = table(level, sigma=0.03, hidden=[str(d) for d in design], parameters=design + 1)
    assert noise(found) == pytest.approx(0.03, rel=0.05)
    assert np.isnan(noise(table(rng.random(20))))


def test_importance_is_the_share_of_variance_between_groups():
    activation = np.repeat(["relu", "tanh"], 200)
    found = importance(table(np.where(activation == "relu", 0.9, 0.7), sigma=0.05, activation=activation))
    assert list(found)[0] == "activation" and found["activation"] == pytest.approx(0.01 / (0.01 + 0.05**2), abs=0.05)
    assert found["parameters"] < 0.05, "drawn at random"
    assert importance(table(np.full(9, 0.5), sigma=0, parameters=7)) == {}


def test_what_tells_the_best_from_the_rest_is_optunas_word():
    rng = np.random.default_rng(1)
    depth, activation = rng.integers(1, 40, 2000), rng.choice(["relu", "tanh"], 2000)
    found = ped_anova(table(1 - depth / 50, sigma=0.01, depth=depth, activation=activation))
    assert list(found)[0] == "depth" and found["depth"] > 0.9 and sum(found.values()) == pytest.approx(1)
    assert ped_anova(table(rng.random(10))) == {}, "too few"


def test_the_front_is_that_of_brute_force():
    rng = np.random.default_rng(1)
    found = table(rng.random(300), sigma=0)
    values = found[["accuracy", "parameters", "cpu_s"]].to_numpy() * [-1, 1, 1]
    beaten = [any((o <= v).all() and (o < v).any() for o in values) for v in values]
    assert set(pareto(found).arch_id) == set(found.arch_id[~np.array(beaten)])


def test_time_by_depth_is_the_slope_of_the_line():
    depth = np.tile(np.arange(1, 41), 5)
    cpu = 0.5 + 0.03 * depth + np.random.default_rng(0).normal(0, 0.02, len(depth))
    slope, low, high, explained = time_by_depth(table(np.full(len(depth), 0.9), depth=depth, cpu_s=cpu))
    assert slope == pytest.approx(0.03, rel=0.03) and low < 0.03 < high and explained > 0.95


def test_designs_of_other_families_are_not_mixed():
    activation, residual = np.repeat(["relu", "tanh"], 10), np.tile([True, False], 10)
    names = [name for name, _ in families(table(np.full(20, 0.5), activation=activation, residual=residual))]
    assert names == [f"activation {a}, {r}" for a in ("relu", "tanh") for r in ("plain", "residual")]


def test_the_verdicts_begin_with_what_must_not_be_read():
    design = np.repeat(np.arange(32), 3)
    depth = np.repeat([1, 4, 16, 64], 24)
    hidden = [str(d) for d in design]
    found = table(np.where(depth >= 16, 0.1, 0.9), 0.005, depth=depth, hidden=hidden, parameters=design + 1)
    told = verdicts(found, importances(found))
    assert "must not be read" in told[0] and "48 of 96 designs say one class" in told[1]
    assert "is no better than the majority class from depth 16 on" in told[2]
    assert verdicts(found.assign(status="failed"), {}) == ["no design was trained to its end, so nothing can be said"]


def test_what_is_no_better_and_what_has_collapsed_are_told_apart():
    found = table([0.9] * 6 + [0.1] * 4, 0, collapsed=[False] * 9 + [True], no_better=[False] * 6 + [True] * 4)
    told = " ".join(verdicts(found, {}))
    assert "1 of 10 designs say one class, whatever comes in" in told
    assert "3 more are not shown to be better than always saying the majority class" in told


def test_the_best_design_is_that_of_the_best_mean_over_its_seeds():
    """The luckiest of many trainings is of another design: it would be told as the best by itself."""
    hidden, seed = np.repeat(["lucky", "good", "poor"], 3), np.tile([0, 1, 2], 3)
    found = table([0.99, 0.7, 0.7, 0.9, 0.91, 0.92, 0.5, 0.5, 0.5], 0, hidden=hidden, seed=seed, parameters=9)
    first, second, _ = best(found, 5).itertuples()
    assert (first.hidden, first.seeds, first.parameters) == ("good", 3, 9)
    assert first.accuracy == pytest.approx(0.91) and first.spread == pytest.approx(0.01)
    assert second.hidden == "lucky" and second.accuracy == pytest.approx(0.7967, abs=1e-4)


@pytest.mark.parametrize("known", [0, 3, 30])
def test_a_time_that_is_not_known_is_left_out_and_told(tmp_path, known):
    depth = np.repeat([1, 2, 4], 10)
    cpu_s = np.where(np.arange(30) % 10 < known / 3, 0.5 + 0.03 * depth, np.nan)
    found = table(np.full(30, 0.9), depth=depth, cpu_s=cpu_s)
    slope, *_ = time_by_depth(found)
    assert slope == pytest.approx(0.03) if known else np.isnan(slope)
    assert len(pareto(found)) <= known
    page = write_report(found, {"id": "s", "source": "d.csv", "spec": {"space": {}}}, tmp_path / "r.html").read_text()
    assert (f"those of {30 - known}, not known" in page) == (known < 30)


# --- its figures ---


def test_curves_are_drawn_at_the_epochs_that_are_kept_of_long_trainings():
    long, short = [0.5] * 134, [2.0, 1.0, 0.5]  # of 401 epochs each third is kept, and the last
    found = table([0.9, 0.8, 0.7], 0).assign(curve=[long, short, short], trained_epochs=[401, 3, None])
    x = [trace["x"] for trace in figures.curves(found)["data"]]
    assert (x[0][:2], x[0][-1], len(x[0])) == ([2, 5], 401, 134) and x[1:] == [[1, 2, 3]] * 2


def test_an_axis_of_a_few_whole_numbers_has_no_ticks_between_them():
    found = table([0.9, 0.8, 0.7], 0)
    ticks = [figures.by(found.assign(depth=depth), "depth")["layout"]["xaxis"] for depth in ([1, 2, 5], [1, 2, 99])]
    assert ticks[0]["dtick"] == 1 and "dtick" not in ticks[1]


# --- the page ---


@pytest.mark.parametrize("count", [1, 2, 40])
def test_the_report_is_one_file_that_fetches_nothing(tmp_path, count):
    found = table(np.linspace(0.1, 0.9, count), depth=np.arange(count) % 7 + 1)
    failed = table([0.5], status="failed", reason="</script><b>segfault", arch_id="f" * 16)
    about = {"id": "my <sweep>", "source": "d.csv", "spec": {"space": {}}}
    page = write_report(pd.concat([found, failed]), about, tmp_path / "report.html").read_text()
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", page), "nothing is fetched"
    assert "my &lt;sweep&gt;" in page and "<b>segfault" not in page.replace("<\\/script><b>segfault", "")
    drawn = json.loads(re.search(r"const drawn = (\{.*\});\n", page)[1].replace("<\\/", "</"))
    assert {trace["type"] for figure in drawn.values() for trace in figure["data"]} >= {"scattergl", "bar"}
    assert sum(len(t["x"]) for t in drawn["f2"]["data"]) == count, "every design is in the picture of time"


def test_a_sweep_without_a_result_has_no_report(tmp_path):
    with pytest.raises(DataError, match="nothing to report yet"):
        write_report(table([0.5], status="planned"), {}, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


# --- in a browser ---

SOFTWARE_GL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.mark.slow
@chromium.NEEDED
def test_a_browser_draws_50_000_designs_and_fetches_nothing(tmp_path):
    from playwright.sync_api import sync_playwright

    rng, count = np.random.default_rng(0), 50_000
    depth = rng.integers(1, 64, count)
    found = table(0.9 - 0.01 * np.maximum(0, depth - 20), depth=depth, activation=rng.choice(["relu", "tanh"], count))
    page_file = write_report(found, {"id": "many", "source": "d.csv", "spec": {"space": {}}}, tmp_path / "report.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.PATH, args=["--no-sandbox", *SOFTWARE_GL])
        page, asked, errors = browser.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(page_file.as_uri())
        for figure in page.locator(".figure").all():
            figure.scroll_into_view_if_needed()
            page.wait_for_selector(f"#{figure.get_attribute('id')}[data-drawn=done]")
        shown = page.evaluate("Object.values(drawn).flatMap(f => f.data).filter(t => t.type == 'scattergl')")
        assert sum(len(trace["x"]) for trace in shown) == 4 * count, "accuracy by two, time, and the front"
        assert page.locator("canvas").count() >= 4 and page.locator(".scatterlayer path").count() < 500
        assert errors == [] and asked == [page_file.as_uri()]
        browser.close()
