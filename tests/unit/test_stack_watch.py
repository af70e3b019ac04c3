"""A stack is watched through a silence of AWS, and whoever waits is told."""

from __future__ import annotations

from infra.aws.cloudformation.values import Event, StackState
from infra.aws.cloudformation.watch import Watch
from infra.aws.failures import UNREACHABLE
from infra.errors import AwsError
from tests.fakes import Clock

AWAY = AwsError(
    "cannot reach AWS (cloudformation): no route; check the network and run the command again",
    code=UNREACHABLE,
)
BUSY, DONE = (StackState("shop", status) for status in ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"))


class Looks:
    """What each look at the stack finds, in order."""

    def __init__(self, *found: StackState | AwsError) -> None:
        self._found = list(found)

    def stack(self, name: str) -> StackState:
        found = self._found.pop(0)
        if isinstance(found, AwsError):
            raise found
        return found

    def events(self, name: str, after: str | None = None) -> tuple[Event, ...]:
        return ()


def test_each_silence_is_told_once_without_what_nobody_has_to_do() -> None:
    told: list[str] = []
    looks, clock = Looks(AWAY, AWAY, BUSY, AWAY, DONE), Clock()
    watch = Watch(looks, "shop", after=None, on_event=lambda event: None, on_silence=told.append)

    ended = watch.to_the_end(60, clock=clock, sleep=clock.sleep)

    silence = "cannot reach AWS (cloudformation): no route; it is asked again until it answers"
    assert (ended, told) == (DONE, [silence, silence])
