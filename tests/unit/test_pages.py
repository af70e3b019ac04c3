"""Plans, releases and pictures as pages: whole by themselves, readable without colours, with nothing unescaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from infra.differences import PropertyChange, ResourceChange
from infra.events import Event
from infra.pages.picture import picture, picture_page
from infra.pages.plan import plan_page
from infra.pages.release import release_page
from infra.stacks.model import Stack
from infra.steps import CreateStack, Plan, UpdateStack
from infra.timeline import Span, spans, spans_json
from infra.topology import NOT_THERE, layers, topology, topology_json, topology_text
from tests.shipyard import all_stacks, config

ENGINE = ResourceChange(
    "replace", "Database", "AWS::RDS::DBInstance", (PropertyChange("Engine", '"<a>"', '"b"', replaces=True),)
)
PLAN = Plan(
    "staging",
    (
        CreateStack("network", stack=Stack("network", "yard-staging-network", "{}")),
        UpdateStack(
            "database",
            frozenset({"network"}),
            stack=Stack("database", "yard-staging-database", "{}"),
            changes=(ENGINE,),
            unknown=("Vpc",),
        ),
    ),
)
RECORD: dict[str, Any] = {
    "release": "20260501T120000Z-ab12",
    "environment": {"name": "staging"},
    "verdict": "failed",
    "who": "ana@laptop",
    "when": "2026-05-01T12:00:00+00:00",
    "seconds": 12.3,
    "failures": {"shop": "shop web: a task failed: <exit 1>"},
    "not_run": ["smoke test"],
    "images": {"shop": "shop-abc"},
    "outputs": {"shop-release": {"WebTaskDefinition": "arn:aws:ecs:x:0:task-definition/shop-web:2"}},
    "timeline": spans_json(
        spans(
            [
                Event("started", "network", "", 0.5),
                Event("done", "network", "", 2.0),
                Event("started", "shop", "", 2.0),
                Event("failed", "shop", "why", 9.0),
                Event("started", "tokens", "", 3.0),
            ],
            12.0,
        )
    ),
}


class Reader(HTMLParser):
    """The words, the tags that are open at the end, and every address that a page would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip() and self.open[-1] != "style":
            self.words.append(data.strip())


@pytest.fixture(scope="module")
def drawn() -> Any:
    chosen = config("staging")
    stacks = all_stacks("staging")[1:]
    return topology(chosen, stacks, {"network": "CREATE_COMPLETE", "edge": "UPDATE_ROLLBACK_FAILED"})


def pages(drawn: Any) -> dict[str, str]:
    return {"plan": plan_page(PLAN), "release": release_page(RECORD), "picture": picture_page(drawn)}


@pytest.mark.parametrize("name", ["plan", "release", "picture"])
def test_a_page_is_whole_by_itself(drawn: Any, name: str) -> None:
    page = pages(drawn)[name]

    read = Reader(page)

    assert (read.open, read.fetched) == ([], [])
    assert '<html lang="en">' in page
    assert all(
        re.search(r"<caption>.+</caption>", table) for table in re.findall(r"<table>.*?</table>", page, re.S)
    )


def test_a_plan_tells_what_is_replaced_first_and_why() -> None:
    words = Reader(plan_page(PLAN)).words

    assert words.index("Replaced or removed") < words.index("Steps")
    assert {"replace", "yard-staging-database Database", "Engine", '"<a>"', "known after deploy"} <= set(
        words
    )


def test_an_empty_plan_says_so() -> None:
    assert "Everything is as the files say." in Reader(plan_page(Plan("staging", ()))).words


def test_a_release_tells_its_verdict_what_failed_and_when_each_step_ran() -> None:
    words = Reader(release_page(RECORD)).words

    assert {"failed", "shop web: a task failed: <exit 1>", "Not done because of that: smoke test"} <= set(
        words
    )
    at = words.index("network")
    assert words[at : at + 4] == ["network", "done", "0.5", "1.5"]
    assert "no end" in words
    assert "shop-web:2" in words


def test_a_release_of_before_timelines_is_shown_too() -> None:
    assert "good" in Reader(release_page({"release": "1", "verdict": "good", "who": "a", "when": "b"})).words


def test_steps_are_kept_in_the_order_in_which_they_began() -> None:
    ends = [
        Event("started", "a", "", 1.0),
        Event("started", "b", "", 2.0),
        Event("done", "b", "ok", 3.0),
        Event("skipped", "c", "", 3.5),
    ]

    assert spans(ends, 9.0) == (
        Span("a", 1.0, 9.0),
        Span("b", 2.0, 3.0, "done", "ok"),
        Span("c", 3.5, 3.5, "skipped"),
    )


def test_a_picture_has_a_box_for_every_stack_and_a_line_for_every_reference(drawn: Any) -> None:
    tree = ElementTree.fromstring(picture(drawn))  # noqa: S314 - our own
    names = {text.text for text in tree.iter("{http://www.w3.org/2000/svg}text")}

    assert {part.part for part in drawn.parts} <= names
    assert {"create complete", "not deployed", "update rollback failed"} <= names
    assert len(list(tree.iter("{http://www.w3.org/2000/svg}path"))) == len(drawn.references)


def test_every_stack_stands_after_what_feeds_it(drawn: Any) -> None:
    columns = layers(drawn)
    column = {part: number for number, parts in enumerate(columns) for part in parts}

    assert all(column[one.source] < column[one.target] for one in drawn.references)
    assert sorted(column) == sorted(part.part for part in drawn.parts)


def test_a_topology_is_told_as_text_and_as_data(drawn: Any) -> None:
    text, value = topology_text(drawn), topology_json(drawn)

    assert "(the public door)" in text
    assert re.search(r"cluster +not deployed\n  . network: ", text.replace("├─", ".").replace("└─", "."))
    assert {one["part"]: one["status"] for one in value["stacks"]}["cluster"] == NOT_THERE
    assert {"from": "network", "to": "cluster"}.items() <= next(
        one for one in value["references"] if (one["from"], one["to"]) == ("network", "cluster")
    ).items()


def test_what_left_the_files_and_is_still_deployed_is_shown() -> None:
    found = topology(config("staging"), all_stacks("staging")[1:], {"berths": "CREATE_COMPLETE"})

    assert ("berths", "CREATE_COMPLETE") in [(part.part, part.status) for part in found.parts]
