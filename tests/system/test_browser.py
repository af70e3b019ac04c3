"""The page at the gateway's root, in a real browser against the deployed system. Runs before test_flow's teardown."""

from __future__ import annotations

import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.system.browser import CONTRASTS, Page, picture
from tests.system.conftest import Shipyard

LOOKS = [(width, dark) for width in (360, 1280) for dark in (False, True)]
STALKER = 31


@pytest.fixture(scope="module")
def token(shipyard: Shipyard) -> str:
    return shipyard.token("movies:write reviews:write")


@pytest.fixture(scope="module")
def reviewed(shipyard: Shipyard, token: str) -> None:
    for stars in (5, 5, 4):
        path = f"/movies/{STALKER}/reviews"
        said = {"stars": stars, "text": "The Zone is what you bring."}
        assert shipyard.request("POST", path, said, token=token).status == 201


@pytest.fixture(scope="module")
def page(shipyard: Shipyard, reviewed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    page = Page(f"http://127.0.0.1:{shipyard.edge_port}", tmp_path_factory.mktemp("chromium"))
    yield page
    page.driver.quit()


def post(url: str, fields: dict[str, str], body: bytes) -> int:
    """Send a form as a browser does: every field, then the file."""
    cut = uuid.uuid4().hex
    parts = [
        f'--{cut}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()
    ]
    file = f'--{cut}\r\nContent-Disposition: form-data; name="file"; filename="p"\r\n\r\n'
    whole = "".join(parts).encode() + file.encode() + body + f"\r\n--{cut}--\r\n".encode()
    request = urllib.request.Request(url, whole, {"Content-Type": f"multipart/form-data; boundary={cut}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_page_shows_films_and_where_this_is_and_asks_nobody_else(page: Page, shipyard: Shipyard) -> None:
    page.open()

    titles = page.listed()
    known = shipyard.request("GET", "/environment.json").json
    page.until(lambda: page.texts("#environment dd") == ["local", known["release"]])
    asked = page.ask("return performance.getEntriesByType('resource').map((one) => new URL(one.name).origin)")
    assert titles[:2] == ["Metropolis", "City Lights"]
    assert len(titles) == len(page.all("#films .poster svg")) == 24
    assert known["release"].startswith("gateway-")
    assert page.driver.title == "Films · local"
    assert set(asked) == {page.url}
    assert page.complaints() == []


def test_a_search_shows_what_it_found_or_that_there_is_nothing(page: Page) -> None:
    page.open()
    page.listed()
    (field,) = page.all("#title")

    field.send_keys("GODF")
    page.until(lambda: page.texts("#films h3") == ["The Godfather"])
    field.send_keys("zzz")
    page.until(lambda: page.texts("#films-note") == ["No film has “GODFzzz” in its title."])
    field.send_keys(Keys.BACKSPACE * 7)
    page.until(lambda: len(page.texts("#films h3")) == 24)

    assert page.texts("#count") == ["24 films, and more"]


def test_more_films_follow_and_who_uses_the_keyboard_stands_at_the_first_of_them(page: Page) -> None:
    page.open()
    before = page.listed()

    page.ask("document.getElementById('more').focus()")
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.until(lambda: len(page.texts("#films h3")) == 48)

    titles = page.listed()
    assert titles[:24] == before
    assert len(set(titles)) == 48
    assert page.ask("return document.activeElement.textContent") == titles[24]


def test_the_page_can_be_used_by_keyboard_alone(page: Page) -> None:
    page.open()
    page.listed()

    def focused() -> Any:
        return page.ask("return document.activeElement.textContent.trim()")

    def press(key: str) -> None:
        page.driver.switch_to.active_element.send_keys(key)

    page.all("body")[0].send_keys(Keys.TAB)
    assert focused() == "Skip to the films"
    press(Keys.ENTER)
    press(Keys.TAB)
    assert focused() == "Metropolis"
    press(Keys.ENTER)
    page.until(lambda: page.texts("#film-title") == ["Metropolis"])
    press(Keys.ESCAPE)
    page.until(lambda: not page.all("dialog[open]"))
    assert focused() == "Metropolis"


def test_a_film_tells_what_people_say_and_leads_to_its_directors_films(page: Page) -> None:
    page.open(f"/#/films/{STALKER}")
    page.until(lambda: page.texts("#film-title") == ["Stalker"])
    said = page.texts("#film .reviews .words")
    shown = page.texts("#film .quiet")[0]

    page.all("#film a")[0].click()
    page.until(lambda: page.texts("#films h3") == ["Solaris", "Stalker"])
    page.until(lambda: page.texts("#films-title")[0].startswith("Films by Andrei Tarkovsky"))
    page.all("#films h3 a")[0].click()
    page.until(lambda: page.texts("#film-title") == ["Solaris"])
    page.driver.back()
    page.until(lambda: not page.all("dialog[open]"))

    assert said == ["The Zone is what you bring."] * 3
    assert shown == "1979 · 2 h 41 min"
    assert page.texts("#films h3") == ["Solaris", "Stalker"]


def test_a_film_that_is_not_there_is_said_in_a_sentence(page: Page) -> None:
    page.open("/#/films/999999")

    page.until(lambda: page.texts("#film .note") == ["There is no such film in the catalogue."])


def test_what_fails_is_told_and_can_be_tried_again(page: Page) -> None:
    page.command("Network.enable")
    page.command("Network.setBlockedURLs", urls=["*/movies?*", "*/charts/*"])
    try:
        page.open()
        page.until(lambda: "cannot be reached" in page.texts("#films-note")[0])
        page.until(lambda: "asked for again" in page.texts("#chart-note")[0])
    finally:
        page.command("Network.setBlockedURLs", urls=[])

    page.all("#films-note button")[0].click()

    assert len(page.listed()) == 24
    assert not page.all("#films-note")[0].is_displayed()
    page.complaints()  # what was blocked


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_every_text_can_be_read_and_nothing_is_cut_off(page: Page, width: int, dark: bool) -> None:
    page.open(width=width, dark=dark)
    page.listed()
    page.until(lambda: page.texts("#environment dd")[0] == "local")
    faint = [(text, round(ratio, 2)) for text, ratio in page.ask(CONTRASTS) if ratio < 4.5]
    page.ask("location.hash = arguments[0]", f"#/films/{STALKER}")
    page.until(lambda: page.texts("#film-title") == ["Stalker"])
    faint += [(text, round(ratio, 2)) for text, ratio in page.ask(CONTRASTS) if ratio < 4.5]

    assert faint == []
    assert page.ask("return document.documentElement.scrollWidth") <= width


def test_who_listens_finds_landmarks_headings_and_names(page: Page) -> None:
    page.open(still=True)
    page.listed()
    levels = page.ask(
        "return [...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))"
    )
    tree = page.command("Accessibility.getFullAXTree")["nodes"]
    nodes = [
        (node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]
    ]

    roles = {role for role, _ in nodes}
    unnamed = [
        role
        for role, name in nodes
        if role in ("link", "button", "searchbox", "image", "region") and not name
    ]
    assert {"banner", "main", "contentinfo", "search", "status"} <= roles
    assert ("searchbox", "Search by title") in nodes
    assert {("region", "Best rated"), ("region", "Films")} <= set(nodes)
    assert unnamed == []
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.ask("return document.documentElement.lang") == "en"


def test_who_wants_no_motion_gets_none(page: Page) -> None:
    page.open(still=True)
    page.listed()

    assert page.ask("return document.getAnimations().length") == 0
    assert (
        page.ask("return getComputedStyle(document.querySelector('.card .poster')).transitionDuration")
        == "0s"
    )


def test_a_poster_goes_straight_to_storage_and_then_the_page_shows_it(
    page: Page, shipyard: Shipyard, token: str
) -> None:
    path = f"/movies/{STALKER}/poster"
    asked = shipyard.request("POST", path, {"content_type": "image/png"}, token=token).json

    large = post(asked["url"], asked["fields"], picture().ljust(asked["most_bytes"] + 1, b"\0"))
    stored = post(asked["url"], asked["fields"], picture())
    kept = shipyard.request("PUT", path, {"key": asked["key"]}, token=token)
    page.open(f"/#/films/{STALKER}")
    width = page.until(lambda: page.ask("return document.querySelector('#film .poster img')?.naturalWidth"))

    assert (large, stored, kept.status) == (400, 204, 200)
    assert kept.json["poster"] == path
    assert width == 60
    assert page.all("#film .poster img")[0].get_attribute("alt") == "Poster of Stalker"
    assert page.complaints() == []


@pytest.mark.long
def test_the_chart_follows_what_people_say_while_somebody_looks(
    page: Page, shipyard: Shipyard, token: str
) -> None:
    page.open()
    page.until(lambda: "Stalker" in page.texts("#chart a"), seconds=90)
    page.until(lambda: "★ 4.7" in page.texts("#chart .score [aria-hidden]"))

    shipyard.request("POST", f"/movies/{STALKER}/reviews", {"stars": 1, "text": "Long."}, token=token)

    page.until(lambda: "★ 3.8" in page.texts("#chart .score [aria-hidden]"), seconds=90)
    mine = f"#films li[data-movie='{STALKER}'] .rating"
    page.all("#more")[0].click()
    page.until(lambda: page.texts(mine) == ["★ 3.8Rated 3.8 of 5, 4 reviews"])
