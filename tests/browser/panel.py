"""What a visitor does with the panel."""

from collections.abc import Callable

from tests.browser.conftest import Visit


def after(visit: Visit, act: Callable[[], object]) -> dict:
    """What the server says in the end of what `act` does."""
    before = visit.page.get_attribute("#after", "src")
    act()
    visit.page.wait_for_function(
        "(before) => document.querySelector('#after').getAttribute('src') !== before", arg=before
    )
    visit.until("done")
    return [message for message in visit.heard() if message["state"] == "done"][-1]


def unfold(visit: Visit, group: str) -> None:
    visit.page.click(f"#group-{group} .fold-head")


def choose(visit: Visit, control: str, choice: str) -> None:
    visit.page.click(f"#{control} input")
    visit.page.get_by_role("option", name=choice, exact=True).click()
