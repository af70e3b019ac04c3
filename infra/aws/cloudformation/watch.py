"""Waiting for a stack: each event told once, the end judged, and the first failure named rather than the last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from infra.aws.cloudformation import status as statuses
from infra.aws.cloudformation.values import Event, StackFailed, StackState
from infra.aws.failures import TIMED_OUT, is_passing
from infra.aws.waiting import Clock, Sleep, attempts
from infra.errors import AwsError, NotFound

# After a call the old status may still be read for a moment; longer than this, it is the true one.
SETTLING_SECONDS = 15.0


class Reads(Protocol):
    """What is asked while waiting."""

    def stack(self, name: str) -> StackState | None: ...

    def events(self, name: str, after: str | None = None) -> tuple[Event, ...]: ...


class Watch:
    """One operation on one stack, watched to its end. `after` is the last event before it began.

    Without `after`, the operation is the last one that somebody started.
    """

    def __init__(
        self,
        reads: Reads,
        name: str,
        *,
        after: str | None,
        on_event: Callable[[Event], None],
        on_silence: Callable[[str], None],
    ) -> None:
        self._reads = reads
        self._name = name
        self._after = after
        self._on_event = on_event
        self._on_silence = on_silence
        self._hears = True
        self._seen: list[Event] = []
        self._state = StackState(name, statuses.GONE)
        self._was_building = False

    def to_the_end(
        self,
        deadline_seconds: float,
        *,
        clock: Clock,
        sleep: Sleep,
        good: Collection[str] = statuses.SUCCEEDED,
    ) -> StackState:
        """Return the state in which the stack came to rest.

        Raises StackFailed when that is not among `good`, AwsError when it does not rest in time.
        """
        for gone in attempts(deadline_seconds, clock=clock, sleep=sleep):
            try:
                ended = self._look(settled=gone >= SETTLING_SECONDS)
            except AwsError as error:
                if not is_passing(error):
                    raise
                self._told_once(error)
                continue
            self._hears = True
            if ended:
                return self._judged(good)
        raise AwsError(
            f"stack {self._name} is still {self._state.status} after {deadline_seconds:.0f} s; "
            "it goes on without us: run the command again to keep watching",
            code=TIMED_OUT,
        )

    def _told_once(self, error: AwsError) -> None:
        """Nobody sits before a silent screen and wonders; each silence is told when it begins."""
        if self._hears:
            # What to do stands behind the semicolon, and nothing is to be done yet.
            self._on_silence(f"{str(error).partition(';')[0]}; it is asked again until it answers")
        self._hears = False

    def _look(self, *, settled: bool) -> bool:
        # The state is read before the events, so that an end is never told without the events that led to it.
        state = self._reads.stack(self._state.id or self._name)
        if state is None:
            self._tell()
            self._state = StackState(self._name, statuses.GONE, id=self._state.id)
            return True
        self._state = state
        self._was_building |= state.status.startswith(("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"))
        self._tell()
        if not statuses.is_terminal(state.status):
            return False
        ended = any(event.is_of_stack and event.status == state.status for event in self._seen)
        return ended or settled or self._after is None

    def _tell(self) -> None:
        """Pass on what is new. The stack's id finds its history even after the stack is gone."""
        try:
            events = self._reads.events(self._state.id or self._name, self._latest)
        except NotFound:
            return
        for event in events if self._latest else last_operation(events):
            self._seen.append(event)
            self._on_event(event)

    @property
    def _latest(self) -> str | None:
        return self._seen[-1].id if self._seen else self._after

    def _judged(self, good: Collection[str]) -> StackState:
        removed = self._state.status == statuses.GONE and self._was_building
        if self._state.status in good and not removed:
            return self._state
        failure = first_failure(self._seen)
        raise StackFailed(failure_text(self._state, failure), state=self._state, event=failure)


def last_operation(events: Sequence[Event]) -> tuple[Event, ...]:
    """Return the events from the last start of an operation on; all of them where no start is seen."""
    starts = [place for place, event in enumerate(events) if event.starts_operation]
    return tuple(events[starts[-1] :] if starts else events)


def first_failure(events: Sequence[Event]) -> Event | None:
    """Return the failure that brought the others about: the first of a resource, else the first of the stack."""
    failures = [event for event in events if event.is_failure]
    return next((event for event in failures if not event.is_of_stack), next(iter(failures), None))


def failure_text(state: StackState, failure: Event | None) -> str:
    """Return one sentence: which stack, which resource, why, and where that left the stack."""
    left = f"the stack is {state.status}"
    if failure is None or failure.is_of_stack:
        reason = (
            (failure.reason if failure else "") or state.status_reason or "CloudFormation gives no reason"
        )
        return f"stack {state.name} failed: {reason.rstrip('.')}; {left}"
    what = f"{failure.logical_id} ({failure.type})"
    return f"stack {state.name} failed at {what}: {failure.reason.rstrip('.') or failure.status}; {left}"
