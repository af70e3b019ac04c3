"""Property: a teardown that dies at any AWS call is finished by the next one, with nothing left.

SEEDS chooses how many deaths are tried (8 by default, 50 before a release); each is a number, so
a failure can be tried again alone.
"""

from __future__ import annotations

import os
import random

import pytest

from infra.commands.teardown import teardown
from tests.local.cloud import REGION
from tests.teardown.conftest import Yard
from tests.teardown.cut import Cut, Killed

SEEDS = int(os.environ.get("SEEDS", "8"))


def make(yard: Yard) -> object:
    """Return what makes clients; they share one session, as the wall's own do."""
    from infra.aws import _Clients

    return _Clients(REGION, yard.plane.settings.endpoint_url, {})


@pytest.fixture(scope="session")
def calls(deployed: Yard) -> int:
    """How many AWS calls a whole teardown makes."""
    deployed.plane.restore()
    counting = Cut(make(deployed), at=10**9, lost=False)  # type: ignore[arg-type]
    assert teardown(deployed.context(aws=counting.aws()), agreed=lambda prepared: None).audit.clean
    return counting.calls


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_teardown_that_dies_at_any_call_is_finished_by_the_next(
    seed: int, staging: Yard, empty: frozenset[str], calls: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  (a seed to repeat, no secret)
    cut = Cut(make(staging), at=chance.randrange(1, calls), lost=chance.random() < 0.5)  # type: ignore[arg-type]

    with pytest.raises(Killed):
        teardown(staging.context(aws=cut.aws()), agreed=lambda prepared: None)
    # The lock's owner is this very process, so it would be taken for alive; its time is let pass.
    staging.context().bucket.purge("locks/")
    ended = teardown(staging.context(), agreed=lambda prepared: None)

    assert ended.audit.clean
    assert sorted(set(staging.plane.things()) - empty) == []
    assert sorted(empty - set(staging.plane.things())) == []
