"""A sweep's spec: what no sweep can run with is refused, in words, by whatever reads it."""

import math

import pytest
from odd_back_ends import HERE, toml

from mrdl.cli.main import main
from mrdl.errors import ConfigError
from mrdl.nn.backends.registry import own_backend
from mrdl.sweep.spec import spec_of

pytestmark = pytest.mark.usefixtures("importable")


RANDOM = {"sampler": "random", "count": 3}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"sweep": {**RANDOM, "sampler_seed": -1}}, "sampler_seed is -1"),
        ({"sweep": {"seeds": [2**70]}}, "seeds"),
        ({"sweep": {"in_flight": 0}}, "in_flight is 0"),
        ({"sweep": {"in_flight": -1}}, "in_flight is -1"),
        ({"limits": {"cpu_s": 0}}, "cpu_s is 0"),
        ({"limits": {"cpu_s": math.nan}}, "cpu_s is nan"),
        ({"limits": {"cpu_s": math.inf}}, "cpu_s is inf"),
        ({"limits": {"hang_s": 0}}, "hang_s is 0"),
        ({"limits": {"wall_s": 60}}, "limits.cpu_s is the most CPU seconds"),
        ({"sweep": {"device": "tpu"}}, "expected one of auto, cpu, cuda"),
        ({"limits": {"pack_s": math.nan}}, "pack_s is nan"),
        ({"limits": {"memory_mb": 2**62}}, "memory_mb is"),
        ({"data": {"label": True}}, "data.label is True"),
        ({"data": {"header": True}}, "data.header is True"),
        ({"space": {"nodes": [[2**80]]}}, "space.nodes"),
        ({"space": {"depth": {"min": 1, "max": 2, "log": "yes"}}, "sweep": RANDOM}, "log"),
        ({"space": {"learning_rate": {"min": 0.1, "max": 2e3}}, "sweep": RANDOM}, "learning_rate is 2000.0"),
        ({"sweep": {"seeds": 0}}, "sweep.seeds is 0"),
        ({"sweep": {"sampler": ["grid"]}}, "sweep.sampler is"),
        ({"limits": {"max_parameters": 1.5}}, "limits.max_parameters is 1.5"),
        ({"space": {"activation": [["relu"]]}}, "space.activation is"),
        ({"data": [{"label": "a"}]}, "expected a table"),
    ],
    ids=str,
)
def test_a_value_that_no_sweep_can_run_with_is_refused(spec, words):
    with pytest.raises(ConfigError, match=words):
        spec_of(spec).designs(3, 2)


def test_the_keys_of_a_range_may_stand_in_any_order():
    keys = (("min", "max", "log"), ("log", "min", "max"), ("max", "log", "min"))
    ranges = [{key: {"min": 4, "max": 64, "log": True}[key] for key in order} for order in keys]
    found = [spec_of({"space": {"width": width}, "sweep": RANDOM}).designs() for width in ranges]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("name", [":fit", "os:path", "os:", "divides:fit", "quits:fit"])
def test_a_back_end_that_cannot_be_one_is_refused(tmp_path, name):
    (tmp_path / "divides.py").write_text("1 / 0\n")
    (tmp_path / "quits.py").write_text("raise SystemExit(0)\n")
    with pytest.raises(ConfigError, match="sweep.backend"):
        own_backend(name)


@pytest.mark.parametrize("verb", ["plan", "run"])
@pytest.mark.parametrize(
    "tables",
    [
        {"space": {"dept": 3}},
        {"sweep": {"backend": "nowhere:fit"}},
        {"sweep": {"backend": "numpy", "device": "cuda"}},
    ],
    ids=str,
)
def test_what_cannot_run_is_told_by_plan_and_by_run(tmp_path, small_csv, capsys, verb, tables):
    assert main(["sweep", verb, toml(tmp_path, **tables), str(small_csv)]) == 2
    assert "mrdl: " in capsys.readouterr().err and not (tmp_path / "sweeps").exists()


def test_slots_are_one_or_more(tmp_path, small_csv, mrdl_command):
    spec = toml(tmp_path, space={"nodes": [[1]]}, sweep={"backend": f"{HERE}:perfect"})
    assert mrdl_command("sweep", "run", spec, small_csv, "--slots", -1, timeout=5).rc == 2
