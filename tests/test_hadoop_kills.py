"""What is killed on a real YARN: a training task, a run by Ctrl-C, its driver."""

import json
import os
import signal
from pathlib import Path

import pytest
from yarn import QUICK, SETTINGS, applications, hadoop, poll, start, training_processes

import mrdl

pytestmark = [pytest.mark.hadoop, pytest.mark.timeout(600)]


def test_a_killed_training_task_is_retried_to_the_same_bytes(stored, cluster, tmp_path, digits):
    words = ["--nodes", "64,400,200,10", "--shards", "2", "--rounds", "1", "--epochs", "100", "--warm-rows", "0"]
    process = start(cluster, stored, "-r", "hadoop", "--json", *words, cwd=tmp_path)
    victim = poll(lambda: training_processes(cluster))[0]
    os.kill(victim, signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()
    settings = {"nodes": (64, 400, 200, 10), "shards": 2, "rounds": 1, "epochs": 100, "warm_rows": 0}
    calm = mrdl.train(digits, show=False, run_dir=str(tmp_path / "calm"), **settings)
    assert json.loads(out)["sha256"] == calm.sha256
    tag = json.loads((next((tmp_path / "runs").iterdir()) / "run.json").read_text())["name"]
    failed = [app for app in applications(cluster, "FINISHED") if app["applicationTags"] == tag]
    assert failed and all(app["finalStatus"] == "SUCCEEDED" for app in failed)


def test_ctrl_c_kills_the_application_and_the_run_goes_on_later(stored, cluster, on_yarn, calm, tmp_path):
    words = [stored, "-r", "hadoop", "--json", "--run-dir", "run", *QUICK, "--validation", "0.2"]
    process = start(cluster, *words, cwd=tmp_path)
    poll(lambda: [app for app in applications(cluster) if app["state"] == "RUNNING"])
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err.decode()
    assert not poll(lambda: [] if applications(cluster) else [()])[0]
    again = on_yarn("train", *words, "--resume")
    same = mrdl.train(
        Path(__file__).parent / "data" / "digits.csv",
        show=False,
        run_dir=str(tmp_path / "x"),
        validation=0.2,
        **SETTINGS,
    )
    assert again.json["sha256"] == same.sha256, again.err


def test_a_killed_driver_goes_on_to_the_same_bytes_and_its_job_is_ended(stored, cluster, on_yarn, digits, tmp_path):
    words = [stored, "-r", "hadoop", "--json", "--run-dir", "run", *QUICK, "--validation", "0.3"]
    process = start(cluster, *words, cwd=tmp_path)
    orphan = poll(lambda: [app for app in applications(cluster) if app["state"] == "RUNNING"])[0]
    process.kill()
    process.communicate()
    again = on_yarn("train", *words, "--resume")
    same = mrdl.train(digits, show=False, run_dir=str(tmp_path / "x"), validation=0.3, **SETTINGS)
    assert again.rc == 0 and again.json["sha256"] == same.sha256, again.err
    assert orphan["id"] in {app["id"] for app in applications(cluster, "KILLED")}
    tag = json.loads((tmp_path / "run" / "run.json").read_text())["name"]
    assert orphan["applicationTags"] == tag, "the run has kept its name"
    assert tag not in hadoop(cluster, "fs", "-ls", "-R", "mrdl"), "neither a cache that was begun nor temporary files"
