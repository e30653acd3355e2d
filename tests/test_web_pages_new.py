"""The page on which a training begins, in a real browser: columns, label, the form and its TOML, a server that dies."""

import chromium
import pytest

MARKUP = "<img src=x onerror=document.title='taken'>"
TABLE = f"{MARKUP},town,y\n" + "".join(
    f"{i % 17}.5,{('Rome', 'Oslo')[i % 2]},{('no', 'yes')[i % 3 == 0]}\n" for i in range(60)
)
WAIT_MS = 60_000

pytestmark = [pytest.mark.slow, chromium.NEEDED]


@pytest.fixture
def page(web):
    """The page New of a server, and no error of its scripts."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.PATH, args=chromium.ARGUMENTS)
        page, errors = browser.new_page(), []
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{web.url}/new?token={web.token}")
        page.wait_for_selector(".drop")
        yield page
        assert errors == []
        browser.close()


def give(page, name, content):
    """Pick a file, and wait for the table of its columns."""
    page.set_input_files("#file", {"name": name, "mimeType": "text/csv", "buffer": content.encode()})
    page.wait_for_selector(".of-columns tbody tr")


def wait_value(page, selector, value):
    """Wait until an input has a value; the page's own policy forbids to wait for a script's."""
    from playwright.sync_api import expect

    expect(page.locator(selector)).to_have_value(value, timeout=WAIT_MS)


def test_a_label_is_suggested_and_not_taken_and_nothing_starts_without_it(page):
    give(page, "t.csv", TABLE)
    assert page.input_value("#label") == ""
    assert "y (suggested)" in page.locator("#label option").all_inner_texts()
    page.click("button:text-is('Start')")
    assert "Choose what you want to predict" in page.inner_text("[role=alert]")
    assert page.url.endswith("/new")


def test_a_name_of_a_column_is_text_and_no_markup(page):
    give(page, f"{MARKUP.replace('/', '')}.csv", TABLE)
    assert page.inner_text(".of-columns tbody tr:first-child th") == MARKUP
    assert page.locator("img").count() == 0 and page.title() != "taken"


def test_the_form_and_the_toml_change_each_other_and_a_reload_loses_nothing(page):
    give(page, "t.csv", TABLE)
    page.select_option("#label", "y")
    page.select_option("select[aria-label='What town is taken for']", "drop")
    page.fill("[data-key=rounds] input", "5")
    wait_value(page, "#toml", '[data]\nlabel = "y"\ndrop = ["town"]\n\n[training]\nrounds = 5\n')
    page.fill("#toml", '[data]\nlabel = "town"\n[training]\nhidden = [7, 3]\n')
    wait_value(page, "[data-key=hidden] input", "7, 3")
    assert page.input_value("#label") == "town" and page.input_value("[data-key=rounds] input") == ""
    page.reload()
    page.wait_for_selector(".of-columns tbody tr")
    assert page.input_value("#label") == "town" and page.input_value("[data-key=hidden] input") == "7, 3"


def test_a_wrong_setting_is_told_at_its_input_and_what_was_typed_stays(page):
    give(page, "t.csv", TABLE)
    page.fill("[data-key=rounds] input", "0")
    page.wait_for_selector("[data-key=rounds] .wrong")
    assert page.inner_text("[data-key=rounds] .wrong") == "rounds is 0, expected 1 or more"
    assert page.input_value("[data-key=rounds] input") == "0"


def test_an_upload_goes_on_in_the_same_page_when_its_server_was_killed(page, web, tmp_path):
    file = tmp_path / "large.csv"
    head, rows = TABLE.split("\n", 1)
    file.write_text(f"{head}\n{rows * 120_000}")
    page.set_input_files("#file", file)
    page.wait_for_selector("[role=progressbar][aria-valuenow]:not([aria-valuenow='0'], [hidden])")
    web.kill()
    page.wait_for_selector("text=it is tried again")
    web.start()
    page.wait_for_selector("text=uploaded")
    (kept,) = (web.folder / "tables").rglob("large.csv")
    assert kept.read_bytes() == file.read_bytes()
