"""Rolls a stack back while it is being waited for, once somebody asked to stop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from infra.aws import Aws
from infra.errors import AwsError
from infra.interruption import Stop


class Winding:
    """Sleeps between looks at a stack; a stop that is requested ends the sleep at once and starts the way back.

    `services` are the cluster and the names of the ECS services whose rollout would hold the stack up.
    """

    def __init__(
        self,
        aws: Aws,
        stop: Stop,
        name: str,
        services: tuple[str, tuple[str, ...]],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._aws = aws
        self._stop = stop
        self._name = name
        self._cluster, self._services = services
        self._sleep = sleep
        self._asked = False

    def sleep(self, seconds: float) -> None:
        """Wait `seconds`; never raises, since the stack has to be watched to its end."""
        if self._stop.requested:
            self._sleep(seconds)
        else:
            self._stop.pause(seconds)
        if self._stop.requested:
            # It may have ended meanwhile, or not be stoppable: then watching it to its end is all that is left.
            with contextlib.suppress(AwsError):
                self._go_back()

    def _go_back(self) -> None:
        """Turn the stack back once; a rollout may begin after that, so each of them is stopped as it is seen."""
        state = self._aws.cloudformation.stack(self._name)
        if state is None:
            return
        if state.status == "CREATE_IN_PROGRESS" and not self._asked:
            self._asked = True
            self._aws.cloudformation.delete_stack(self._name)
        elif state.status == "UPDATE_IN_PROGRESS":
            if not self._asked:
                self._asked = True
                self._aws.cloudformation.cancel_update(self._name)
            self._stop_rollouts()

    def _stop_rollouts(self) -> None:
        """CloudFormation waits for a service's rollout before it turns back; ECS can be told directly."""
        for service in self._services:
            for deployment in self._aws.ecs.service_deployments(self._cluster, service)[:1]:
                if deployment.status in ("PENDING", "IN_PROGRESS"):
                    self._aws.ecs.stop_service_deployment(deployment.arn, "ROLLBACK")
