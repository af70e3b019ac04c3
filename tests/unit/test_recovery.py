"""The way on from every state of a stack."""

from typing import get_args

from infra.recovery import WAYS_ON, Action, way_on
from tests import aws_account


def test_every_state_that_cloudformation_has_is_mapped() -> None:
    model = aws_account.client("cloudformation", region_name="eu-west-1").meta.service_model.shape_for(
        "StackStatus"
    )

    assert set(WAYS_ON) == set(model.enum) - {"DELETE_COMPLETE"}


def test_only_what_is_at_work_is_waited_for() -> None:
    waiting = {status for status, way in WAYS_ON.items() if way.action == "wait"}

    assert waiting == {status for status in WAYS_ON if status.endswith("_IN_PROGRESS")} - {
        "REVIEW_IN_PROGRESS"
    }


def test_an_unknown_state_is_left_alone_and_named() -> None:
    way = way_on("MOON_PHASE")

    assert way.action == "nothing"
    assert "MOON_PHASE is not known" in way.why


def test_every_action_is_used() -> None:
    assert {way.action for way in WAYS_ON.values()} == set(get_args(Action))
