"""What keeps a failing service from being asked ever more: a circuit breaker, and a budget of retries."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Breaker:
    """Opens after `limit` failures in a row; after `rest` seconds lets one call try again."""

    limit: int = 5
    rest: float = 5.0
    clock: Callable[[], float] = time.monotonic
    failures: int = 0
    opened_at: float = field(default=float("-inf"))

    def allows(self) -> bool:
        """Say whether a call may go out now; the first after the rest is the trial for all others."""
        if self.failures < self.limit:
            return True
        if self.clock() - self.opened_at < self.rest:
            return False
        self.opened_at = self.clock()
        return True

    def record(self, succeeded: bool) -> None:
        """Note how a call ended."""
        self.failures = 0 if succeeded else self.failures + 1
        if self.failures >= self.limit:
            self.opened_at = self.clock()


@dataclass
class RetryBudget:
    """Lets retries be at most a tenth of the calls, and a few more: three tries each would triple an overload."""

    ratio: float = 0.1  # retries earned by a call
    most: float = 10.0  # retries saved up; what a process begins with
    left: float = 10.0

    def earn(self) -> None:
        """Note a call."""
        self.left = min(self.most, self.left + self.ratio)

    def spend(self) -> bool:
        """Take one retry; say whether there was one."""
        if self.left < 1:
            return False
        self.left -= 1
        return True
