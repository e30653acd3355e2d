"""Waiting for a service: how long, how often, and what is said."""

import pytest

from mrdl.cluster import retry
from mrdl.cluster.retry import Retry
from mrdl.errors import SetupError, Unavailable


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(retry, "EVERY_S", 0.001)


def flaky(failures):
    """A call that fails so many times, then answers; it counts."""
    asked = []

    def call():
        asked.append(1)
        if len(asked) <= failures:
            raise Unavailable("HDFS does not answer.")
        return "answer"

    call.asked = asked
    return call


def test_outside_of_a_run_the_first_failure_is_told():
    call = flaky(1)
    with pytest.raises(Unavailable, match="HDFS does not answer"):
        Retry()(call)
    assert len(call.asked) == 1


def test_inside_a_run_a_service_that_comes_back_is_waited_for_with_one_note():
    said, call, wait = [], flaky(7), Retry()
    with wait.waiting(60, said.append):
        assert wait(call) == "answer"
    assert len(call.asked) == 8
    assert said == ["HDFS does not answer. Waiting up to 60 s for it to come back"]


def test_after_the_time_the_run_stops_and_says_how_to_go_on():
    wait = Retry()
    with wait.waiting(0.02, lambda text: None), pytest.raises(Unavailable, match="waited 0 s.*--resume"):
        wait(flaky(10**9))


def test_each_wait_has_the_whole_time():
    said, wait = [], Retry()
    with wait.waiting(60, said.append):
        wait(flaky(1))
        wait(flaky(1))
    assert len(said) == 2


def test_what_waiting_does_not_mend_is_told_at_once():
    wait, asked = Retry(), []

    def denied():
        asked.append(1)
        raise SetupError("Permission denied")

    with wait.waiting(60, lambda text: None), pytest.raises(SetupError, match="denied"):
        wait(denied)
    assert asked == [1]


def test_patience_ends_with_the_run():
    wait = Retry()
    with wait.waiting(60, lambda text: None):
        pass
    with pytest.raises(Unavailable):
        wait(flaky(1))
