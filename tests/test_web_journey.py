"""The journey in a real browser: upload, correct, choose, start, watch, stop, resume, read, predict; and a sweep."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import chromium
import pytest
from playwright.sync_api import expect
from web_server import Server

DIGITS = Path(__file__).parent / "data" / "digits.csv"
WAIT_MS = 300_000
expect.set_options(timeout=WAIT_MS)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), chromium.NEEDED]


@pytest.fixture
def table(tmp_path):
    """The digits with a column of codes, which looks like numbers until somebody says that it is none."""
    lines = DIGITS.read_text().splitlines()
    rows = [f"{line},{int(line.split(',')[0]) * 7919 % 13}" for line in lines[1:]]
    path = tmp_path / "digits & <codes>.csv"
    path.write_text("\n".join([f"{lines[0]},code", *rows]) + "\n")
    return path


class Tab:
    """A tab of a browser of its own, logged in at a server; what goes wrong on its pages is kept in `faults`."""

    def __init__(self, browser, server: Server) -> None:
        self.context = browser.new_context(viewport={"width": 1200, "height": 900}, accept_downloads=True)
        self.context.set_default_timeout(WAIT_MS)
        self.page, self.faults, self.server = self.context.new_page(), [], server
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", self._heard)
        self.page.goto(f"{server.url}/?token={server.token}")

    def _heard(self, told) -> None:
        """Keep an error of a page; that a server which was killed does not answer is none."""
        if told.type == "error" and "net::ERR_" not in told.text:
            self.faults.append(told.text)

    def press(self, name: str, exact: bool = True) -> None:
        """Press the button of a name."""
        self.page.get_by_role("button", name=name, exact=exact).click()

    def wait_for(self, text: str | re.Pattern[str]) -> None:
        """Wait until a text is on the page."""
        self.page.get_by_text(text).first.wait_for()

    def state(self, wanted: str) -> None:
        """Wait until the session is in a state."""
        self.page.locator(f".about .badge.{wanted}").wait_for(timeout=2 * WAIT_MS)


def begin(tab: Tab, table: Path) -> None:
    """Upload a table, correct the type of its codes, and choose the label that is suggested."""
    page = tab.page
    page.goto(f"{tab.server.url}/new")
    page.set_input_files("input[type=file]", table)
    page.get_by_label("Find a column").fill("code")
    page.get_by_label("What code is taken for").select_option("category")
    tab.press("Predict digit")


def say(tab: Tab, toml: str) -> None:
    """Say more as TOML, beside what the form of a sweep holds."""
    area = tab.page.get_by_label("As TOML")
    expect(area).to_have_value(re.compile(r"\[data\]"))
    area.fill(f"{area.input_value()}\n{toml}")


def key_of(page) -> str:
    """The key of the session that is shown, which others cannot guess."""
    page.wait_for_url("**/s/*")
    key = page.url.rpartition("/")[2]
    assert re.fullmatch(r"[\w-]{22,}", key)
    return key


def command(server: Server, *words: str) -> str:
    """What a command of mrdl prints in the server's folder."""
    line, env = [sys.executable, "-m", "mrdl", *words], {**os.environ, **server.env}
    told = subprocess.run(line, cwd=server.folder, env=env, capture_output=True, text=True, timeout=250)
    assert told.returncode == 0, told.stderr
    return told.stdout


def walk_a_run(browser, web: Server, table: Path, rounds: int) -> None:
    tab = Tab(browser, web)
    page = tab.page
    begin(tab, table)
    page.get_by_label("Rounds", exact=True).fill("7")
    area = page.get_by_label("As TOML")
    expect(area).to_have_value(re.compile("rounds = 7"))
    assert 'label = "digit"' in area.input_value() and 'category = ["code"]' in area.input_value()
    area.fill(area.input_value().replace("rounds = 7", f"rounds = {rounds}\nepochs = 2\nshards = 2"))
    expect(page.get_by_label("Rounds", exact=True)).to_have_value(str(rounds))
    tab.press("Start")
    key = key_of(page)
    some = re.compile(rf"[1-9]\d* of {rounds}")
    tab.wait_for(some)
    page.reload()
    tab.wait_for(some)
    second = Tab(browser, web)
    second.page.goto(page.url)
    second.wait_for(some)
    tab.press("Stop")
    tab.state("stopped")
    second.state("stopped")  # the other browser is told, too
    web.kill(signal.SIGKILL)
    web.start()
    tab.press("Resume")
    tab.state("running")
    tab.state("done")
    shown = json.loads(command(web, "show", key, "--json"))
    assert len([each for each in shown["rounds"] if each["round"]]) == rounds
    worth = re.search(r"accuracy ([\d.]+ %) of \d+ rows", command(web, "show", key))[1]
    page.reload()
    page.locator(".key-figures").get_by_text(worth, exact=True).wait_for()
    page.get_by_role("link", name="Report").click()
    page.frame_locator("iframe").get_by_text("Rounds").first.wait_for()
    predict(tab, key)
    page.goto(web.url)
    tab.wait_for("digits-codes.csv")  # the server's own name of it
    assert tab.faults == []


def predict(tab: Tab, key: str) -> None:
    """Type the values of the first row, and compare what is said with the command line."""
    page, web = tab.page, tab.server
    page.get_by_role("link", name="Predict").click()
    cells = dict(zip(*(line.split(",") for line in DIGITS.read_text().splitlines()[:2]), strict=True))
    for name, value in cells.items():
        if name != "digit":
            page.get_by_label(name, exact=True).fill(value)
    page.get_by_label("code", exact=True).select_option("0")
    tab.press("Predict")
    row = web.folder / "row.csv"
    row.write_text(f"{','.join(cells)},code\n{','.join(cells.values())},0\n")
    said = command(web, "predict", f"runs/{key}", "row.csv").strip()
    page.get_by_role("region", name="Prediction").get_by_text(said, exact=True).first.wait_for()


def walk_a_sweep(browser, web: Server, table: Path, seeds: int, more: str = "") -> None:
    tab = Tab(browser, web)
    page = tab.page
    begin(tab, table)
    page.get_by_role("radio", name="A sweep over many designs").check()
    say(tab, f"[space]\ndepth = [1, 2, 3]\nwidth = [8, 16]\nepochs = 30\n\n[sweep]\nseeds = {seeds}\n{more}")
    designs = 6 * seeds
    tab.wait_for(re.compile(f"{designs} designs"))
    (web.folder / "spec.toml").write_text(page.get_by_label("As TOML").input_value())
    tab.press("Start")
    key = key_of(page)
    tab.wait_for(re.compile(r"[1-9]\d* done"))
    tab.press("Stop")
    tab.state("stopped")
    page.reload()
    tab.press("Resume")
    tab.state("done")
    status = json.loads(command(web, "sweep", "status", key, "--json"))
    assert (status["designs"], status["done"]) == (designs, designs)
    uploaded = json.loads((web.folder / "sessions" / key / "session.json").read_text())["table"]
    planned = json.loads(command(web, "sweep", "plan", "spec.toml", uploaded, "--json"))
    page.get_by_role("link", name="Report").click()
    page.frame_locator("iframe").get_by_text("What it says").wait_for()
    page.go_back()
    page.get_by_role("region", name="Designs").get_by_role("link").first.click()
    page.wait_for_url("**/design/*")
    assert page.url.rpartition("/")[2] in planned["arch_ids"], "the command line has other ids for the same TOML"
    tab.press("Train this on all data")
    of_run = key_of(page)
    assert of_run != key
    tab.state("done")
    predict(tab, of_run)
    assert tab.faults == []


def test_a_run_from_its_upload_to_a_prediction(browser, web, table):
    walk_a_run(browser, web, table, rounds=14)


def test_a_sweep_from_its_upload_to_a_prediction_of_its_best(browser, web, table):
    walk_a_sweep(browser, web, table, seeds=60)


@pytest.fixture
def web_on_yarn(web_server, cluster, hdfs):
    """A server whose tables lie in HDFS, and whose trainings run on YARN."""
    folder = hdfs.uri(f"/user/{hdfs.cluster.user}/journey")
    hdfs.remove(folder)
    return web_server("--folder", folder, "-r", "hadoop", env=cluster)


@pytest.mark.hadoop
@pytest.mark.timeout(1800)
def test_a_run_on_yarn_from_its_upload_to_a_prediction(browser, web_on_yarn, table):
    walk_a_run(browser, web_on_yarn, table, rounds=3)


@pytest.mark.hadoop
@pytest.mark.timeout(1800)
def test_a_sweep_on_yarn_from_its_upload_to_a_prediction_of_its_best(browser, web_on_yarn, table):
    walk_a_sweep(browser, web_on_yarn, table, seeds=20, more="\n[limits]\npack_s = 1\n")  # of several tasks
