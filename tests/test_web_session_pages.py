"""The pages of runs and sweeps in a real browser: watched while they go on, read, by keys alone, with ugly names."""

import re
import time

import chromium
import pytest
from web_sessions import LONG, QUICK

from mrdl.sweep.driver import SweepDriver
from mrdl.sweep.folder import SweepFolder
from mrdl.sweep.record import Record, State

WAIT_MS = 60_000
UGLY = '<img src=x onerror="document.title=1"> \u202e\U0001f389 ' + "x" * 150
REASON = "=it is <b>odd</b>"

pytestmark = [pytest.mark.slow, chromium.NEEDED]


@pytest.fixture
def page(browser, web):
    """A tab that is logged in; a script that fails, or that the page's policy refuses, fails the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(WAIT_MS)
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda told: "Content Security Policy" in told.text and faults.append(told.text))
    page.goto(f"{web.url}/?token={web.token}")
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def swept(web, small_csv):
    """A sweep of 30 designs, of which one failed."""
    about = {
        "data": {"label": "answer"},
        "space": {"nodes": [[n] for n in range(1, 16)], "epochs": 2, "activation": ["relu", "tanh"]},
        "sweep": {"backend": "batched-numpy"},
    }
    sweep = SweepFolder.create(web.folder / "sweeps" / "first", about, str(small_csv))
    ids = [one.arch_id for one in sweep.ledger.waiting()]
    kept = sweep.register([[ids[3]]])
    sweep.parts.close(kept, [Record(arch_id=ids[3], status=State.FAILED, reason=REASON, log="its last words")])
    SweepDriver(sweep).run("inline")
    return sweep


def badge(page, state):
    """Wait for the state at the head of the page."""
    page.locator(f"main header .badge.{state}").wait_for()


def by_keys(page, name):
    """Go by the Tab key to a button, and press it."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == name:
            return page.keyboard.press("Enter")
    raise AssertionError(f"Tab does not come to {name}")


def test_a_run_is_watched_stopped_and_resumed_by_keys_alone(lab, page):
    key = lab.started(LONG)
    page.goto(f"{lab.server.url}/s/{key}")
    page.locator(".plot svg.main-svg").nth(1).wait_for()
    page.get_by_text(re.compile(r"^([3-9]|\d[\d,]+) of 9,999$")).wait_for()  # it counts on by itself
    page.get_by_text(re.compile("last news")).wait_for()
    by_keys(page, "Stop")
    badge(page, "stopped")
    page.reload()
    badge(page, "stopped")
    by_keys(page, "Resume")
    badge(page, "running")


def test_names_are_text_and_break_no_layout(lab, page):
    key = lab.started(QUICK, title=UGLY)
    lab.until(key, "done")
    for width in (400, 900):
        page.set_viewport_size({"width": width, "height": 800})
        for part in ("", "/report"):
            page.goto(f"{lab.server.url}/s/{key}{part}")
            badge(page, "done")
            assert page.locator("h1").text_content() == UGLY
            assert page.locator("main img").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_figures_of_a_run_that_is_over_fit_their_cards(lab, page):
    key = lab.started(QUICK)
    lab.until(key, "done")
    page.goto(f"{lab.server.url}/s/{key}")
    page.locator(".plot svg.main-svg").nth(1).wait_for()
    fit = "e => e.querySelector('svg.main-svg').clientWidth === e.clientWidth"
    fits = f"[...document.querySelectorAll('.plot')].every({fit}) && document.documentElement.scrollWidth <= innerWidth"
    end = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(fits):
        assert time.monotonic() < end, "a figure is wider than its card"
        page.wait_for_timeout(50)


def test_designs_are_points_rows_and_pages_of_their_own(web, swept, page):
    page.goto(f"{web.url}/s/first")
    badge(page, "done")
    page.get_by_role("img", name=re.compile("Designs as points.* 1 failed")).wait_for()
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    assert page.locator(".scatter canvas").evaluate(drawn)
    rows = page.locator("table.designs tbody tr")
    page.get_by_text("1–25 of 30 designs").wait_for()
    assert rows.count() == 25
    page.get_by_role("button", name="Next designs").click()
    page.get_by_text("26–30 of 30 designs").wait_for()
    page.get_by_role("button", name="Parameters").click()
    page.get_by_text("1–25 of 30 designs").wait_for()
    largest = [int(text) for text in rows.locator("td:nth-child(5)").all_text_contents()]
    assert largest == sorted(largest, reverse=True) and largest[0] == max(r.parameters or 0 for r in results(swept))
    page.get_by_label("State", exact=True).select_option("failed")
    page.get_by_text("1–1 of 1 design").wait_for()
    rows.get_by_role("link").click()
    page.get_by_role("alert").get_by_text(f"It failed: {REASON}").wait_for()
    page.get_by_text("its last words").wait_for()
    page.get_by_role("button", name="Train this on all data").wait_for()


def results(sweep):
    return sweep.ledger.results()


def test_a_page_says_that_the_server_is_away_and_goes_on(web, swept, page):
    page.goto(f"{web.url}/s/first")
    badge(page, "done")
    web.kill()
    page.locator("#connection").get_by_text("lost").wait_for()
    web.start()
    page.locator("#connection").wait_for(state="hidden")


def test_a_key_that_nothing_has_is_not_found_and_says_so(web, page):
    answer = page.goto(f"{web.url}/s/nobody")
    assert answer.status == 404
    page.get_by_text("there is no run or sweep of the key 'nobody'").wait_for()
    page.get_by_role("link", name="All sessions").wait_for()
