"""How a deploy ends: its exit code, its record, and that whoever leaves is let go."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.aws import Aws
from infra.commands.context import Context
from infra.commands.deploy import carry_out
from infra.commands.deploying import conclude
from infra.errors import AwsError, EstaleiroError, LeftAtOnce, Refused
from infra.events import Reporter
from infra.execute import Execution
from infra.graph import Outcome
from infra.interruption import Stop
from infra.steps import Plan
from tests.shipyard import config

PLAN = Plan("staging", ())


class OutOfReach:
    """A bucket, and CloudFormation, that answer once and then no more."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def bucket(self, name: str) -> OutOfReach:
        return self

    def put(self, key: str, body: bytes) -> None:
        if self.kept:
            raise AwsError("cannot reach AWS (s3)")
        self.kept.append(key)

    def stacks(self, prefix: str) -> dict[str, Any]:
        raise AwsError("cannot reach AWS (cloudformation)")


def context(aws: Any) -> Context:
    return Context(Path(), config("staging"), aws, Reporter(lambda event: None, lambda: 0.0), None)


def leaving(plan: Plan) -> Outcome:
    raise KeyboardInterrupt


def test_who_asks_twice_is_let_go_even_where_aws_is_out_of_reach() -> None:
    away = OutOfReach()
    wall = cast(Aws, SimpleNamespace(s3=away, cloudformation=away))
    execution = SimpleNamespace(release="r1", stop=Stop(), in_flight={"shop", "stock"}, run=leaving)

    with pytest.raises(LeftAtOnce, match="still in progress: shop, stock"):
        carry_out(context(wall), cast(Execution, execution), PLAN, {})

    assert away.kept == ["releases/staging/r1.json"]


@pytest.mark.parametrize(
    ("error", "code"), [(Refused("it would replace Database"), 3), (EstaleiroError("no room"), 1)]
)
def test_a_guard_that_stops_a_deploy_half_way_has_an_exit_code_of_its_own(
    error: EstaleiroError, code: int
) -> None:
    with pytest.raises(EstaleiroError) as raised:
        conclude(context(None), PLAN, Outcome((), {"database": error, "edge": ValueError()}, ()))

    assert raised.value.exit_code == code
    assert str(raised.value).startswith("staging: the deploy failed after 0 s\ndatabase: ")
