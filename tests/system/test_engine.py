"""The deploy engine on the real system: interrupted, contended, gone back. Runs before test_flow's teardown."""

import json
import signal
import subprocess
from dataclasses import dataclass

import docker
import pytest

from tests.system.conftest import Shipyard, eventually
from tests.system.containers import running

QUICK = "    return web.application"
SLOW = f"    import time\n\n    time.sleep(6)\n{QUICK}"


def change(yard: Shipyard, mark: str) -> None:
    """Make one service's image another one, which begins at once."""
    source = yard.root / "services/movies/app.py"
    source.write_text(source.read_text().replace(SLOW, QUICK) + f"\n# {mark}\n")


def change_to_slow(yard: Shipyard) -> None:
    """Change the service so that it begins slowly: its rollout is still under way when a test looks."""
    source = yard.root / "services/movies/app.py"
    source.write_text(source.read_text().replace(QUICK, SLOW))


def task_definition(yard: Shipyard) -> str:
    rows = json.loads(yard.deploy_py("status", "local", "--json").stdout)["services"]
    return str(next(row["task_definition"] for row in rows if row["service"] == "movies"))


def begin(yard: Shipyard, *words: str) -> subprocess.Popen[str]:
    """Start ./deploy.py and do not wait for it."""
    return subprocess.Popen(
        [str(yard.root / "deploy.py"), *words],
        cwd=yard.root,
        env=yard.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def until_line(process: subprocess.Popen[str], *words: str) -> str:
    """Read progress until a line has every word; return all that was read."""
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if all(word in line for word in words):
            return seen
    raise AssertionError(f"{words} was never said:\n{seen}")


def web_tasks(engine: docker.DockerClient, yard: Shipyard) -> set[str]:
    """Names of the clone's running containers of the service that the tests change."""
    return set(running(engine, yard, "-movies-web-"))


def test_an_interrupt_rolls_back_what_is_in_flight_and_says_so(
    shipyard: Shipyard, engine: docker.DockerClient
) -> None:
    before, tasks = task_definition(shipyard), web_tasks(engine, shipyard)
    change_to_slow(shipyard)

    process = begin(shipyard, "deploy", "local")
    until_line(process, "s  movies  ", "…")
    assert eventually(lambda: web_tasks(engine, shipyard) - tasks)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=180)

    assert process.returncode == 130, said
    assert "stopped, as you asked" in said.splitlines()[-1]
    assert task_definition(shipyard) == before
    assert shipyard.request("GET", "/movies?limit=1").status == 200


@dataclass(frozen=True)
class Contended:
    """The deploy after an interrupt, and one that was typed while it ran."""

    before: str
    first: subprocess.Popen[str]
    first_said: str
    second: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def contended(shipyard: Shipyard) -> Contended:
    before = task_definition(shipyard)
    change(shipyard, "after an interrupt")
    first = begin(shipyard, "deploy", "local")
    until_line(first, "movies-release", "…")
    second = shipyard.deploy_py("deploy", "local", code=None)
    _, said = first.communicate(timeout=180)
    return Contended(before, first, said, second)


def test_the_next_deploy_goes_on_after_an_interrupt(shipyard: Shipyard, contended: Contended) -> None:
    assert contended.first.returncode == 0, contended.first_said
    assert task_definition(shipyard) != contended.before
    assert "nothing to do" in shipyard.deploy_py("deploy", "local").stdout


def test_of_two_deploys_at_once_one_runs_and_the_other_says_who_is_at_work(contended: Contended) -> None:
    assert (contended.first.returncode, contended.second.returncode) == (0, 4), contended.first_said
    assert "local is locked: " in contended.second.stderr
    assert "has been running `deploy local` since" in contended.second.stderr


@pytest.mark.long
def test_a_second_deploy_can_wait_for_the_first(shipyard: Shipyard) -> None:
    change(shipyard, "waited for")

    first = begin(shipyard, "deploy", "local")
    until_line(first, "movies-release", "…")
    second = shipyard.deploy_py("deploy", "local", "--lock-wait", "120")
    first.communicate(timeout=180)

    assert first.returncode == 0
    assert "nothing to do" in second.stdout


def test_rollback_returns_to_the_release_before_and_deploy_comes_back(shipyard: Shipyard) -> None:
    newest = task_definition(shipyard)

    said = shipyard.deploy_py("rollback", "local", "--yes").stdout
    back = task_definition(shipyard)
    show = ("local", "movies", "--", "python3", "-c", "import os; print(os.environ['RELEASE'])")
    serving, ran = (shipyard.deploy_py(command, *show).stdout.strip() for command in ("exec", "run"))
    shipyard.deploy_py("deploy", "local")

    assert ran == serving
    assert "local: rolled back in " in said
    assert back != newest
    assert task_definition(shipyard) == newest


def test_a_release_that_is_not_there_cannot_come_back(shipyard: Shipyard) -> None:
    done = shipyard.deploy_py("rollback", "local", "moon", "--yes", code=1)

    assert done.stderr.splitlines()[-1] == "there is no release 'moon'; `releases` lists those that there are"


def test_recover_finds_nothing_to_mend_after_all_that(shipyard: Shipyard) -> None:
    assert shipyard.deploy_py("recover", "local", "--yes").stdout == "every stack is in order\n"
