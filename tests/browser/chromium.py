"""The system's Chromium, and profiles of it that are lent to one visitor after the other."""

import shutil
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

MOST_FREE = 4  # profiles that wait for the next visitor, each with a process
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--process-per-site"]  # fmt: skip


def find_chromium() -> str:
    """The path of the system's browser; skips where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip("no Chromium on this machine")
    return path


class Profiles:
    """Browser profiles, each for one visitor at a time. Emptied and lent again, with the page's scripts at hand."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: list[tuple[dict[str, Any], BrowserContext]] = []

    def lend(self, how: dict[str, Any]) -> Page:
        """A new page in a profile that nobody is using."""
        free = [each for each in self._free if each[0] == how]
        if free:
            self._free.remove(free[-1])
        profile = free[-1][1] if free else self._browser.new_context(**how)
        before, page = profile.pages, profile.new_page()
        for each in before:  # it stayed for its process, which the new page has taken over
            each.close()
        return page

    def take_back(self, page: Page, how: dict[str, Any]) -> None:
        """Keep the profile of `page` for the next visitor, with nothing of this one."""
        profile = page.context
        if page.is_closed() or len(profile.pages) != 1:
            return profile.close()
        page.unroute_all(behavior="ignoreErrors")
        page.evaluate("""() => { try { localStorage.clear(); sessionStorage.clear();
            indexedDB.deleteDatabase("clearcut"); } catch {} }""")
        profile.clear_cookies()
        page.goto("about:blank")
        self._free.append((how, profile))
        while len(self._free) > MOST_FREE:
            self._free.pop(0)[1].close()
