"""A group's instances replaced by its own instance refresh, watched: a new host whose agent stays silent stops it."""

from __future__ import annotations

import time
from collections.abc import Callable

from infra.aws import Aws
from infra.aws.autoscaling import Refresh
from infra.errors import AwsError, EstaleiroError
from infra.fleet.failure import why_no_host
from infra.fleet.replacement import Patience

POLL_SECONDS = 5.0
WARM_UP_SECONDS = 120


class Refreshing:
    """Refreshes one group. Without `cluster` its instances join none, and EC2's health alone counts (a NAT host)."""

    def __init__(
        self,
        aws: Aws,
        group: str,
        *,
        cluster: str | None,
        patience: Patience,
        told: Callable[[str], None] = lambda text: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._aws = aws
        self._group = group
        self._cluster = cluster
        self._patience = patience
        self._told = told
        self._clock = clock
        self._sleep = sleep
        self._seen: dict[str, float] = {}

    def run(self) -> None:
        """Replace what is not of the group's template, with the tasks moved first; nothing to replace is done at once.

        Goes on with a refresh that is in progress. Raises EstaleiroError, the refresh cancelled, when a new host's
        agent does not connect, when nothing moves, or when the group gives up; interrupted, it is cancelled as well.
        """
        self._seen = dict.fromkeys(self._members(), float("-inf"))
        mine = self._start()
        moved, before = self._clock(), -1
        try:
            while not (state := self._state(mine)).ended:
                if state.percent != before:
                    self._told(f"{state.percent} % replaced")
                    moved, before = self._clock(), state.percent
                self._require_life(state, moved)
                self._sleep(POLL_SECONDS)
            self._await_agents(state)
        except BaseException:
            self._aws.autoscaling.cancel_refresh(self._group)
            raise

    def _start(self) -> str:
        try:
            return self._aws.autoscaling.start_refresh(self._group, warm_up_seconds=WARM_UP_SECONDS)
        except AwsError as error:
            if not error.code.startswith("InstanceRefreshInProgress"):
                raise
            self._told("a refresh is in progress already; waiting for it to end")
            return self._aws.autoscaling.refreshes(self._group)[0].id

    def _state(self, id: str) -> Refresh:
        found = next((one for one in self._aws.autoscaling.refreshes(self._group) if one.id == id), None)
        if found is None:
            raise EstaleiroError(f"the refresh {id} of {self._group} is gone; look at the group's activities")
        return found

    def _require_life(self, state: Refresh, moved: float) -> None:
        now = self._clock()
        silent = self._silent()
        if any(now - self._seen[name] >= self._patience.connect for name in silent):
            known = self._members() - silent
            raise EstaleiroError(
                f"a new host did not connect within {self._patience.connect:g} s, so the refresh was cancelled at "
                f"{state.percent} %{why_no_host(self._aws, self._group, known)}"
            )
        if now - moved >= self._patience.drain + self._patience.connect:
            raise EstaleiroError(
                f"the refresh stood at {state.percent} % for {now - moved:.0f} s and was cancelled: "
                f"{state.reason or 'no reason given'}; a host whose tasks do not stop cannot be emptied"
            )

    def _await_agents(self, state: Refresh) -> None:
        """The group's own success means that EC2 is well; ours, that every host takes tasks."""
        if state.status != "Successful":
            raise EstaleiroError(f"the refresh ended as {state.status}: {state.reason or 'no reason given'}")
        while self._silent():
            self._require_life(state, self._clock())
            self._sleep(POLL_SECONDS)

    def _silent(self) -> frozenset[str]:
        """New members that take no tasks; each is remembered from when it was first seen."""
        if self._cluster is None:
            return frozenset()
        now = self._clock()
        for name in self._members():
            self._seen.setdefault(name, now)
        takers = {
            host.instance for host in self._aws.ecs.container_instances(self._cluster) if host.takes_tasks
        }
        return frozenset(name for name in self._members() - takers if self._seen[name] != float("-inf"))

    def _members(self) -> frozenset[str]:
        group = self._aws.autoscaling.group(self._group)
        gone = ("Terminating", "Terminated")
        members = group.members if group else ()
        return frozenset(one.instance for one in members if not one.lifecycle.startswith(gone))
