"""How the tests are shared among workers: what shares a local cloud or a database stays together, the longest first."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parent

# As the Makefile does: the commands that tests start are many, and compile 300 files each where this is set.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# moto would load a thousand machine images whenever it begins anew; ours are named by their ids.
os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"

# Folders whose tests share something that is dear to make; in the order in which they should begin.
TOGETHER = ("system", "failures", "local", "teardown", "gateway", "images", "hosts")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the long folders begin."""
    items.sort(key=lambda item: _turn(item.path.relative_to(TESTS).parts[0]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling:
    """Give a worker a whole folder, or else a whole file.

    xdist's own groups (`--dist loadgroup`) write to a private name that pytest 9.2 no longer reads, and then share
    the tests of a group among all workers without a word.
    """
    return ByFolder(config, log)


class ByFolder(LoadScopeScheduling):
    """Keeps the tests of a folder that shares something on one worker."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        folder = file.split("/")[1]
        return folder if folder in TOGETHER else file


def _turn(folder: str) -> int:
    return TOGETHER.index(folder) if folder in TOGETHER else len(TOGETHER)
