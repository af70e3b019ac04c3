"""A deploy that dies at any moment is finished by the next one: the process is killed, nothing can clean up after it."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator

import pytest

from tests.failures.yard import SHOP, STOCK, WORKER, Yard, eventually, manifest, process

SEED = 20261128
# Lines that a deploy of one service prints, from the plan to its end; later ones are not reached, and the deploy ends.
LINES = 24


@pytest.fixture(scope="module")
def mended(yard: Yard) -> Iterator[Yard]:
    """The project, which other tests find as it was."""
    yield yard
    yard.write("shop", SHOP)
    yard.write("stock", STOCK)
    end = yard.run("deploy")
    assert end.code == 0, end.text


def change(yard: Yard, number: int) -> str:
    """Give a service another web process; each fifth time the one whose database is prepared first. Return its name."""
    word = f"word-{number}"
    if number % 5 == 4:
        more = '[database]\nname = "stock"\n'
        yard.write("stock", manifest(process("web", "web", word, service="stock"), more=more))
        return "stock"
    yard.write("shop", manifest(process("web", "web", word, more="count = 2"), WORKER))
    return "shop"


def killed(yard: Yard, *, after: int, pause: float) -> str:
    """Begin a deploy, kill it `pause` seconds after its line number `after`; return what it had said."""
    command = yard.start("deploy")
    assert command.stdout is not None
    said = ""
    for number, line in enumerate(command.stdout):
        said += line
        if number == after:
            time.sleep(pause)
            break
    command.kill()
    command.communicate()
    return said


def assert_the_next_deploy_finishes_it(yard: Yard, service: str, said: str) -> None:
    end = yard.run("deploy")

    assert end.code == 0, f"killed after:\n{said}\nand then:\n{end.text}"
    assert yard.running(service, "web") == yard.output(f"{service}-release", "WebTaskDefinition")
    assert "nothing to do" in yard.run("plan", "--fail-on-changes").text
    word = re.search(r"word-\d+", (yard.root / "services/shop/service.toml").read_text())
    assert eventually(lambda: yard.answer() == (word[0] if word else "one"))


@pytest.mark.slow
@pytest.mark.parametrize("after", ["shop", pytest.param("shop verdict", marks=pytest.mark.long)])
def test_a_deploy_that_is_killed_in_a_step_is_finished_by_the_next(mended: Yard, after: str) -> None:
    service = change(mended, 100 if after == "shop" else 101)
    command = mended.start("deploy")
    assert command.stdout is not None
    said = ""
    while not re.search(rf"s  {after} +…", said):
        said += (line := command.stdout.readline())
        assert line, said
    command.kill()
    command.communicate()

    assert_the_next_deploy_finishes_it(mended, service, said)


@pytest.mark.long
def test_a_deploy_that_is_killed_at_any_of_25_random_moments_is_finished_by_the_next(mended: Yard) -> None:
    chance = random.Random(SEED)  # noqa: S311 - the moments only have to differ

    for number in range(25):
        service = change(mended, number)
        said = killed(mended, after=chance.randrange(LINES), pause=chance.uniform(0, 0.6))

        assert_the_next_deploy_finishes_it(mended, service, f"(kill {number})\n{said}")
