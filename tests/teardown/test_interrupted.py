"""Property: a teardown that dies at any AWS call is finished by the next one, with nothing left.

Each death is a number, so that one that fails can be tried again alone: the first few always, fifty in `make test-long`.
"""

from __future__ import annotations

import contextlib
import random
from datetime import UTC, datetime, timedelta

import pytest

from infra.aws import _Clients
from infra.aws.client import MakeClient
from infra.commands import lifetimes
from tests.local.cloud import REGION
from tests.teardown import yard
from tests.teardown.conftest import Yard
from tests.teardown.cut import Cut, Killed
from tests.teardown.test_rest import expiring

ALWAYS = range(3)
MORE = range(ALWAYS.stop, 50)


@pytest.fixture(scope="session")
def make(bare: Yard) -> MakeClient:
    """What makes clients; they share one session, as the wall's own do."""
    return _Clients(REGION, bare.plane.settings.endpoint_url, {})


@pytest.fixture(scope="session")
def calls(deployed: Yard, make: MakeClient) -> int:
    """How many AWS calls a whole teardown makes."""
    deployed.plane.restore()
    counting = Cut(make, at=10**9, lost=False)
    assert yard.end(deployed.context(aws=counting.aws())).audit.clean
    return counting.calls


def dies_and_is_finished(
    seed: int, make: MakeClient, staging: Yard, empty: frozenset[str], calls: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  (a seed to repeat, no secret)
    cut = Cut(make, at=chance.randrange(1, calls), lost=chance.random() < 0.5)

    # How often a stack is looked at differs, so that the last calls of one run may not come in another.
    with contextlib.suppress(Killed):
        yard.end(staging.context(aws=cut.aws()))
    # The lock's owner is this very process, so it would be taken for alive; its time is let pass.
    staging.context().bucket.purge("locks/")
    ended = yard.end(staging.context())

    assert ended.audit.clean
    assert sorted(set(staging.plane.things()) - empty) == []
    assert sorted(empty - set(staging.plane.things())) == []


@pytest.mark.parametrize("seed", ALWAYS)
def test_a_teardown_that_dies_at_any_call_is_finished_by_the_next(
    seed: int, make: MakeClient, staging: Yard, empty: frozenset[str], calls: int
) -> None:
    dies_and_is_finished(seed, make, staging, empty, calls)


@pytest.mark.long
@pytest.mark.parametrize("seed", MORE)
def test_a_teardown_that_dies_at_any_of_many_more_calls_is_finished_by_the_next(
    seed: int, make: MakeClient, staging: Yard, empty: frozenset[str], calls: int
) -> None:
    dies_and_is_finished(seed, make, staging, empty, calls)


@pytest.mark.parametrize("operation", ["DeleteTaskDefinitions", "DeleteObjects"])
def test_what_dies_when_its_own_tags_are_gone_already_is_finished_by_the_reaper(
    operation: str, make: MakeClient, staging: Yard, empty: frozenset[str]
) -> None:
    expiring(staging, datetime.now(UTC) - timedelta(minutes=1))
    staging.context().bucket.put("releases/staging/1.json", b'{"images": {}}')
    cut = Cut(make, at=10**9, upon=operation)

    with pytest.raises(Killed):
        yard.end(staging.context(aws=cut.aws()))
    left = [state.name for state in staging.aws.cloudformation.stacks().values()]
    staging.context().bucket.purge("locks/")
    found = lifetimes.reap(staging.context(), act=True)

    assert left == ["shipyard-account"]
    assert [(one.verdict.environment, one.verdict.action, one.failed) for one in found] == [
        ("staging", "reap", False)
    ]
    assert sorted(set(staging.plane.things()) - empty) == []
