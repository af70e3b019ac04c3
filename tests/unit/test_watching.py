"""What is read of a container that has ended."""

from __future__ import annotations

import pytest

from infra.local.ecs import watching


def state(code: int, *, memory: bool = False, status: str = "exited") -> dict[str, object]:
    return {"Status": status, "ExitCode": code, "OOMKilled": memory}


@pytest.mark.parametrize(
    ("seen", "looks"),
    [
        ([state(137), state(137, memory=True)], 2),
        ([state(137), state(137)], 2),
        ([state(137, memory=True)], 1),
        ([state(1)], 1),
        ([state(0, status="running")], 1),
    ],
    ids=["the reason comes late", "killed by hand", "the reason is there", "an exit", "no end"],
)
def test_a_killed_container_is_looked_at_again_for_what_killed_it(
    seen: list[dict[str, object]], looks: int
) -> None:
    slept: list[float] = []
    left = list(seen)

    found = watching.ended_state(lambda: left.pop(0), sleep=slept.append)

    assert found == seen[-1]
    assert (len(seen) - len(left), len(slept)) == (looks, looks - 1)
