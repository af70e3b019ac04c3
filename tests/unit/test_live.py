"""The tree at the foot of a terminal: what is under way with its seconds, and what has ended above it for good."""

from __future__ import annotations

import io
import re

from infra.commands.terminal import Lines
from infra.events import Event
from infra.live import LiveTree
from tests.fakes import Clock


class Terminal:
    """A tree on a terminal of so many columns and lines, and what it would show."""

    def __init__(self, columns: int = 100, lines: int = 40, *, coloured: bool = False) -> None:
        self.clock, self.sent = Clock(), io.StringIO()
        self.tree = LiveTree(
            self.sent.write, size=lambda: (columns, lines), clock=self.clock, coloured=coloured
        )

    def tell(self, kind: str, step: str, text: str = "", about: str = "") -> None:
        self.tree.tell(Event(kind, step, text, self.clock.now, about))  # type: ignore[arg-type]

    @property
    def shown(self) -> list[str]:
        """The lines on the screen: going up and erasing done as a terminal does it."""
        lines: list[str] = []
        for part in re.split(r"(\x1b\[\d+A\r\x1b\[J)", self.sent.getvalue()):
            back = re.match(r"\x1b\[(\d+)A", part)
            if back:
                del lines[len(lines) - int(back[1]) :]
            else:
                lines += part.splitlines()
        return lines


def test_what_is_under_way_is_a_tree_of_steps_resources_and_tasks_with_their_seconds() -> None:
    terminal = Terminal()
    terminal.tell("started", "shop")
    terminal.clock.sleep(2)
    terminal.tell("progress", "shop", "UPDATE_IN_PROGRESS", "WebService")
    terminal.clock.sleep(3)
    terminal.tell("progress", "shop", "RUNNING, healthy", "WebService/task 0123abcd")
    terminal.clock.sleep(4)

    terminal.tree.tick()

    assert terminal.shown == [
        "   9.0s  shop                         …",
        "         └─ WebService                UPDATE_IN_PROGRESS 7s",
        "            └─ task 0123abcd          RUNNING, healthy 4s",
        "   9.0s  1 under way, 0 ended",
    ]


def test_resources_that_are_done_are_counted_and_those_that_failed_stay() -> None:
    terminal = Terminal()
    terminal.tell("started", "shop")
    terminal.tell("progress", "shop", "UPDATE_COMPLETE", "Role")
    terminal.tell("progress", "shop", "UPDATE_COMPLETE", "Rule")
    terminal.tell("progress", "shop", "UPDATE_FAILED", "WebService")

    shown = terminal.shown

    assert shown[1:3] == [
        "         ├─ WebService                UPDATE_FAILED 0s",
        "         └─ 2 done",
    ]


def test_a_step_that_ends_leaves_one_line_and_the_tree_goes_with_the_last() -> None:
    terminal = Terminal()
    terminal.tell("started", "network")
    terminal.tell("started", "shop")
    terminal.clock.sleep(1)
    terminal.tell("done", "network")
    terminal.clock.sleep(1)
    terminal.tell("failed", "shop", "it exited with code 1\nand much more")

    assert terminal.shown == [
        "   1.0s  network                      ok",
        "   2.0s  shop                         FAILED it exited with code 1",
    ]


def test_words_for_people_stand_above_the_tree() -> None:
    terminal = Terminal()
    terminal.tell("started", "shop")

    terminal.tree.say("local: 2 steps\n  update stack")

    assert terminal.shown[:3] == [
        "local: 2 steps",
        "  update stack",
        "   0.0s  shop                         …",
    ]


def test_a_tree_is_never_larger_than_its_terminal() -> None:
    terminal = Terminal(columns=40, lines=6)
    for number in range(20):
        terminal.tell("started", f"a-service-with-a-long-name-{number}", "words " * 20)

    assert len(terminal.shown) == 5
    assert max(map(len, terminal.shown)) < 40
    assert "lines more" in terminal.shown[-2]


def test_colour_repeats_what_a_word_says() -> None:
    plain, coloured = Terminal(), Terminal(coloured=True)
    for terminal in (plain, coloured):
        terminal.tell("started", "shop")
        terminal.tell("failed", "shop", "why")

    assert "\x1b[31" not in plain.sent.getvalue()
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured.sent.getvalue()) == plain.sent.getvalue()


def test_without_a_terminal_every_change_has_one_line() -> None:
    lines: list[str] = []
    tell = Lines(lines.append)

    for kind, step, text, about, seconds in (
        ("started", "image shop", "", "", 0),
        ("progress", "image shop", "step 1/9", "", 1),
        ("progress", "image shop", "step 7/9", "", 6),
        ("done", "image shop", "", "", 7),
        ("progress", "stop", "rolling back what is in flight", "", 7),
        ("started", "shop", "", "", 8),
        ("progress", "shop", "UPDATE_IN_PROGRESS", "WebService", 8),
        ("progress", "shop", "RUNNING", "WebService/task 0123abcd", 9),
        ("progress", "shop", "UPDATE_COMPLETE", "WebService", 10),
    ):
        tell(Event(kind, step, text, seconds, about))  # type: ignore[arg-type]

    assert [line.split("s  ", 1)[1].split(maxsplit=1)[1].strip() for line in lines] == [
        "shop                   …",
        "shop                   · step 7/9",
        "shop                   ok",
        "· rolling back what is in flight",
        "…",
        "· WebService/task 0123abcd RUNNING",
        "· WebService UPDATE_COMPLETE",
    ]
