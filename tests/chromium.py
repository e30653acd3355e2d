"""A real Chromium for tests of pages; where there is none, they are skipped with the way to one."""

import shutil

import pytest

PATH = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
NEEDED = pytest.mark.skipif(not PATH, reason="there is no Chromium: scripts/browser")


@pytest.fixture(scope="module")
def browser():
    """A browser of a file of tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PATH, args=ARGUMENTS)
        yield browser
        browser.close()
