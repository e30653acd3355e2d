"""The events of a run: what listeners are told, and that none of them can harm it, but each may end it early."""

import json
import threading
from pathlib import Path

import pytest

import mrdl
from mrdl.errors import DataError, TrainingError
from mrdl.rounds.events import Began, Failed, Finished, Listeners, Noted, Progressed, RoundDone, StopRun
from mrdl.rounds.folder import RunFolder

DIGITS = Path(__file__).resolve().parent / "data" / "digits.csv"
QUICK = {"nodes": (64, 12, 10), "shards": 2, "rounds": 3, "epochs": 1, "warm_rows": 100, "warm_epochs": 1}
DBN = {"kind": "dbn", "nodes": (64, 8, 10), "shards": 2, "rounds": 2, "epochs": 1, "layer_epochs": 1, "warm_rows": 100}


@pytest.fixture
def run(new_run):
    """Make a Run on the digits with quick settings, in the folder `run` where no other is named."""

    def make(*listeners, folder="run", **changes):
        return new_run(folder=folder, listeners=listeners, **{**QUICK, **changes})

    return make


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> bytes:
    """The bytes of the network where nobody listens."""
    folder = tmp_path_factory.mktemp("known")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        return mrdl.train(DIGITS, show=False, run_dir=str(folder / "run"), **QUICK).to_bytes()


def stop_after(number):
    """A listener that ends the run when a round is kept."""

    def listener(event):
        if isinstance(event, RoundDone) and event.manifest.round == number:
            raise StopRun("enough is enough")

    return listener


# --- what is told ---


def test_the_events_of_a_run_are_its_rounds_in_order_between_a_beginning_and_an_end(run, known):
    events = []
    made = run(events.append)
    trained = made.train()
    assert trained.model.to_bytes() == known
    told = [event for event in events if not isinstance(event, Progressed)]
    assert [type(event) for event in told] == [Began, RoundDone, RoundDone, RoundDone, RoundDone, Finished]
    assert [event.manifest for event in told[1:-1]] == made.folder.manifests()
    names = ["warm start", "round 1/3", "round 2/3", "round 3/3"]
    assert [event.name for event in told[1:-1]] == names == [planned.name for planned in told[0].rounds]
    assert {event.run for event in events} == {made.folder.about()["name"]}
    assert told[0].config == made.setup.config and (told[0].files, told[0].columns) == (1, 65)
    assert told[-1].sha256 == trained.model.sha256 and told[-1].validation == trained.model.validation
    assert (told[-1].training_rows, told[-1].validation_rows) == (1615, 182) and told[-1].stopped is None
    assert all(0 <= e.fraction <= 1 and e.name in names for e in events if isinstance(e, Progressed))


def test_the_rounds_of_stages_are_told_by_the_names_of_their_stages(run):
    events = []
    made = run(events.append, **DBN)
    made.execute()
    done = [event for event in events if isinstance(event, RoundDone)]
    names = [f"{stage}, {what}" for stage in ("layer 1", "fine-tuning") for what in ("warm start", "round 1/2")]
    assert [event.name for event in done if event.manifest.stage_round < 2] == names
    assert [event.manifest for event in done] == made.folder.manifests()


def test_a_run_that_goes_on_tells_of_the_rounds_that_it_makes_alone(run):
    run(rounds=2).execute()
    events = []
    run(events.append, resume=True).execute()
    assert [event.manifest.round for event in events if isinstance(event, RoundDone)] == [3]
    assert [planned.number for planned in events[0].rounds] == [0, 1, 2, 3]


def test_every_event_is_json_and_names_its_kind(run):
    lines = []
    run(lambda event: lines.append(json.dumps(event.to_json())), rounds=1).execute()
    told = [json.loads(line) for line in lines]
    assert {event["event"] for event in told} >= {"Began", "RoundDone", "Finished"}
    history = (Path(told[0]["run_dir"]) / "history.jsonl").read_text()
    kept = [json.loads(line) for line in history.splitlines()]
    assert [event["manifest"] for event in told if event["event"] == "RoundDone"] == kept


def test_a_run_that_fails_tells_why_and_one_that_cannot_begin_tells_nothing(run, tmp_path):
    events = []
    with pytest.raises(DataError):
        run(events.append, data=tmp_path / "none.csv").execute()
    assert events == []
    bad = tmp_path / "bad.csv"
    bad.write_text("y,a,b\n" + "1,2,3\n0,4,5\n" * 20 + "1,x,3\n")
    with pytest.raises(DataError) as caught:
        run(events.append, data=bad, nodes=(2, 2)).execute()
    assert isinstance(events[0], Began) and isinstance(events[-1], Failed)
    assert (events[-1].ended, events[-1].reason) == ("failed", str(caught.value).splitlines()[0])


def test_ctrl_c_in_a_listener_interrupts_the_run(run):
    events = []

    def interrupt(event):
        if isinstance(event, RoundDone):
            raise KeyboardInterrupt

    made = run(interrupt, events.append)
    with pytest.raises(KeyboardInterrupt):
        made.execute()
    assert isinstance(events[-1], Failed) and events[-1].ended == "interrupted"
    assert made.folder.about()["drivers"][-1]["ended"] == "interrupted"
    assert [manifest.round for manifest in made.folder.manifests()] == [0]


# --- no harm ---


def test_a_listener_that_raises_is_told_of_once_and_changes_no_byte(run, known, caplog):
    events = []

    def broken(event):
        raise ZeroDivisionError("by zero")

    assert run(broken, events.append).execute().to_bytes() == known
    (note,) = [event.text for event in events if isinstance(event, Noted)]
    assert "broken failed, the run goes on: ZeroDivisionError: by zero" in note
    (record,) = [record for record in caplog.records if record.name == "mrdl.rounds.events"]
    assert record.message == note and record.exc_info
    assert isinstance(events[-1], Finished)


def test_a_listener_that_changes_what_it_is_told_changes_no_byte(run, known):
    def vandal(event):
        if isinstance(event, RoundDone):
            event.manifest.validation.clear()
            event.manifest.versions["numpy"] = "0"
            event.manifest.shards[0].metrics.clear()

    made = run(vandal)
    assert made.execute().to_bytes() == known
    assert all(m.validation and m.versions["numpy"] != "0" and m.shards[0].metrics for m in made.folder.manifests())


def test_a_listener_that_is_slow_hears_one_event_at_a_time_and_changes_no_byte(run, known):
    """It holds each event up until progress, which comes from another thread, has had its chance to come, too."""
    inside, most, order = [], [], []

    def slow(event):
        inside.append(event)
        threading.Event().wait(0.05)
        most.append(len(inside))
        order.append(event)
        inside.remove(event)

    assert run(slow).execute().to_bytes() == known
    assert set(most) == {1}
    assert [event.manifest.round for event in order if isinstance(event, RoundDone)] == [0, 1, 2, 3]
    assert isinstance(order[0], Began) and isinstance(order[-1], Finished)


def test_listeners_that_all_fail_are_each_told_of_once(caplog):
    def first(event):
        raise ValueError("first")

    def second(event):
        raise ValueError("second")

    listeners = Listeners([first, second])
    listeners.run = "mrdl-x"
    for _ in range(3):
        listeners.note("something")
    assert sorted("first" in record.message for record in caplog.records) == [False, True]


# --- an end ---


def test_a_listener_may_end_a_run_and_what_is_done_is_kept(run, known):
    events = []
    made = run(stop_after(2), events.append)
    trained = made.train()
    assert trained.stopped == "enough is enough" and len(trained.model.rounds) == 2
    assert [manifest.round for manifest in made.folder.manifests()] == [0, 1, 2]
    assert trained.model.sha256 == made.folder.manifests()[-1].sha256
    assert mrdl.load(made.folder.model).to_bytes() == trained.model.to_bytes()
    driver = made.folder.about()["drivers"][-1]
    assert (driver["ended"], driver["reason"], driver["cleared"]) == ("stopped", "enough is enough", True)
    assert isinstance(events[-1], Finished) and events[-1].stopped == "enough is enough"
    assert "stops early: enough is enough; --resume goes on" in [e.text for e in events if isinstance(e, Noted)][0]
    assert run(resume=True).execute().to_bytes() == known


def test_a_round_that_is_under_way_is_kept_before_the_run_ends(run, tmp_path):
    """The end is asked for when the shards that round 2 reads turn out to be damaged."""

    def damage(event):
        if isinstance(event, RoundDone) and event.manifest.round == 1:
            for part in (tmp_path / "cache" / "mrdl" / "shards").glob("*/0000/part-*"):
                part.write_bytes(part.read_bytes()[:9999])

    def stop(event):
        if isinstance(event, Noted):
            raise StopRun("in the middle")

    trained = run(damage, stop).train()
    assert trained.stopped == "in the middle" and len(trained.model.rounds) == 2


@pytest.mark.parametrize(("settings", "round_"), [({}, 0), (DBN, 1)])
def test_a_run_that_is_ended_before_it_has_a_network_says_so_and_can_go_on(run, settings, round_):
    whole = run(folder="whole", **settings).execute()
    made = run(stop_after(round_), **settings)
    with pytest.raises(TrainingError, match=r"stopped before there was a network of it: enough is enough\."):
        made.execute()
    assert not made.folder.model.exists() and [m.round for m in made.folder.manifests()] == list(range(round_ + 1))
    assert made.folder.about()["drivers"][-1]["ended"] == "stopped"
    assert run(resume=True, **settings).execute().to_bytes() == whole.to_bytes()


def test_a_run_is_not_begun_where_it_is_ended_at_its_beginning(run, tmp_path):
    def stop(event):
        raise StopRun("not today")

    made = run(stop)
    with pytest.raises(TrainingError, match="not today"):
        made.execute()
    assert made.folder.manifests() == [] and not list((tmp_path / "cache").rglob("part-*"))


def test_an_end_that_is_asked_for_in_the_last_round_is_none(run, known):
    trained = run(stop_after(3)).train()
    assert trained.stopped is None and trained.model.to_bytes() == known


def test_with_patience_the_network_of_a_run_that_was_ended_is_the_best_one_until_then(run):
    made = run(stop_after(3), rounds=9, patience=9, learning_rate=0.5)
    model = made.execute()
    best = min(made.folder.manifests()[1:], key=lambda manifest: manifest.validation["loss"])
    assert model.sha256 == best.sha256


def test_the_command_ends_well_and_tells_that_the_run_was_stopped(command, digits, tmp_path):
    words = ["--nodes", "64,12,10", "--shards", 2, "--rounds", 3, "--epochs", 1, "--run-dir", tmp_path / "run"]
    status, out, err = command("train", digits, *words, "--json", listeners=[stop_after(1)])
    assert status == 0 and json.loads(out)["rounds"] == 1
    assert "  note: the run stops early: enough is enough; --resume goes on" in err
    _, out, _ = command("runs", tmp_path, "--json")
    assert json.loads(out)[0]["state"] == "stopped: enough is enough, --resume goes on"
    status, out, _ = command("train", digits, *words, "--json", "--resume")
    assert (status, json.loads(out)["rounds"]) == (0, 3)
    assert RunFolder(tmp_path / "run").about()["drivers"][-1]["ended"] == "done"


def test_a_program_may_listen_too(digits, tmp_path, capsys):
    events = []
    mrdl.train(digits, run_dir=str(tmp_path / "run"), listeners=[events.append], **{**QUICK, "rounds": 1})
    assert isinstance(events[-1], Finished) and "round 1/1   training loss" in capsys.readouterr().err
