"""Programs that these tests start for real; a machine that cannot have one fails the test with what to install."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from infra.setup.machine import CannotContinue
from infra.setup.packages import program


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Return the path of a program by its name."""

    def find(name: str) -> str:
        try:
            return program(name)
        except CannotContinue as problem:
            pytest.fail(str(problem), pytrace=False)

    return find
