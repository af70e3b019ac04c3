"""How failures stand on a terminal: a line while the deploy runs, the whole of each at its end."""

from __future__ import annotations

from infra.errors import EstaleiroError
from infra.events import Event
from infra.report import event_line, failures_text


def test_a_failure_is_one_line_while_the_rest_goes_on() -> None:
    event = Event("failed", "shop", "shop web: a task failed\n  stop code  none", 12.3)

    assert event_line(event).splitlines() == [event_line(event)]
    assert event_line(event).endswith("shop web: a task failed")


def test_a_failure_is_told_whole_at_the_end_and_its_service_named_once() -> None:
    failed: dict[str, Exception] = {
        "shop": EstaleiroError("shop web: a task failed\n  stop code  none"),
        "edge": EstaleiroError("stack yard-local-edge failed"),
    }

    assert failures_text(failed, ["shop verdict"]).splitlines() == [
        "shop web: a task failed",
        "  stop code  none",
        "edge: stack yard-local-edge failed",
        "not done because of that: shop verdict",
    ]
