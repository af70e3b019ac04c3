"""The command line from outside and in: what it refuses before anything begins, what it prints last, and its exit codes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.commands.cli import run
from infra.commands.parser import parser
from infra.commands.released import listed_text
from infra.commands.run import exit_code
from infra.commands.terminal import Screen, liner
from infra.events import Event, Reporter
from infra.tasks.one_off import TaskResult
from infra.who import user
from tests.builders import ROOT

Outcome = subprocess.CompletedProcess[str]
DeployPy = Callable[..., Outcome]


@pytest.fixture(scope="module")
def deploy_py(tmp_path_factory: pytest.TempPathFactory) -> DeployPy:
    """./deploy.py of a clone in which nothing is deployed; `ends` is what a shell's line ends with, `<&-` or `| true`."""
    root = tmp_path_factory.mktemp("clone")
    shutil.copy2(ROOT / "deploy.py", root)
    for name in ("infra", "services", "images", "requirements.lock", ".venv"):
        (root / name).symlink_to(ROOT / name)
    bare = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "ESTALEIRO_"))}

    def run_in_shell(*words: str, ends: str = "", **variables: str) -> Outcome:
        return subprocess.run(
            ["bash", "-c", f'set -o pipefail; ./deploy.py "$@" {ends}', "bash", *words],
            cwd=root,
            env={**bare, "AWS_EC2_METADATA_DISABLED": "true", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run_in_shell


@pytest.mark.parametrize("words", [["rehearse"], ["rehearse", "local", "--end"], ["rehearse", "--keep"]])
def test_a_rehearsal_of_local_would_end_it_with_its_data_and_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ROOT, words) == 2
    assert "name an environment that is not local" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["deploy", "--service", "moon"],
        ["plan", "staging", "--service", "moon"],
        ["migrate", "local", "moon"],
        ["logs", "local", "moon"],
        ["exec", "local", "moon"],
        ["run", "local", "moon", "--", "true"],
    ],
)
def test_a_service_that_nobody_has_is_refused_before_anything_else_is_looked_at(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ROOT, words) == 2
    assert capsys.readouterr().err.startswith("services/moon: there is no such service; there are ")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["secrets", "set"],
            "secrets set: write `secrets set ENV SERVICE NAME`; the value is read from stdin",
        ),
        (["run", "local", "gateway"], "run: the command is missing; write `run ENV SERVICE -- COMMAND ...`"),
    ],
)
def test_what_is_missing_on_the_command_line_is_said(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ROOT, words) == 2
    assert capsys.readouterr().err == f"{sentence}\n"


def test_what_stands_after_two_dashes_is_never_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run(ROOT, ["teardown", "local", "--", "--plan"])

    assert left.value.code == 2
    assert "teardown runs no command: nothing may stand after `--` (is '--plan')" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["deploy --html", "plan --html", "releases --html", "graph --picture"])
def test_a_page_that_cannot_be_written_is_told_before_anything_else(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        run(ROOT, [*words.split(), "/nowhere/page.html"])

    assert left.value.code == 2
    assert "there is no folder /nowhere" in capsys.readouterr().err


def test_a_port_that_is_none_is_a_mistake_of_configuration(deploy_py: DeployPy) -> None:
    done = deploy_py("plan", ESTALEIRO_API_PORT="http")

    assert (done.returncode, done.stderr) == (
        2,
        "ESTALEIRO_API_PORT should be a port number from 1 to 65535 (is 'http')\n",
    )


def test_before_the_first_deploy_the_plan_makes_everything_and_starts_nothing(deploy_py: DeployPy) -> None:
    done = deploy_py("plan", "--json")

    planned = json.loads(done.stdout)
    assert {step["does"].split()[0] for step in planned["steps"]} == {
        "create",
        "run",
        "smoke",
        "verdict",
        "wait",
    }
    assert [one["service"] for one in planned["migrations"] if not one["pending"]] == []
    assert deploy_py("status").stderr == "nothing is deployed on this machine; run `make deploy` first\n"


@pytest.mark.parametrize("ends", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_reason_to_fail(deploy_py: DeployPy, ends: str) -> None:
    done = deploy_py("plan", "--json", ends=ends)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("{") is (ends in ("<&-", "2>&-"))


def test_a_reader_that_leaves_early_changes_no_exit_code(deploy_py: DeployPy) -> None:
    left = deploy_py("plan", "--json", ends="| true")
    failed = deploy_py("plan", "--fail-on-changes", ends="| true")

    assert (left.returncode, left.stderr) == (0, "")
    assert (failed.returncode, failed.stderr) == (1, "")


def test_output_that_finds_no_room_is_said_and_fails(deploy_py: DeployPy) -> None:
    done = deploy_py("plan", "--json", ends="> /dev/full")

    assert (done.returncode, done.stderr) == (
        1,
        "the output cannot be written: No space left on device; mend that and run it again\n",
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_that_lacks_a_character_stops_no_output(deploy_py: DeployPy, encoding: str) -> None:
    done = deploy_py("graph", "staging", PYTHONIOENCODING=encoding)

    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u251c" in done.stdout


def test_a_deploy_that_others_followed_runs_no_more() -> None:
    rows = [
        {"release": name, "verdict": verdict, "when": "now", "who": "ana"}
        for name, verdict in (("1", "running"), ("2", "good"), ("3", "running"))
    ]

    shown = listed_text(rows).splitlines()[1:]

    assert [line.split()[:2] for line in shown] == [["1", "killed"], ["2", "good"], ["3", "running"]]


def test_an_interrupt_before_the_first_word_is_one_sentence_too(tmp_path: Path) -> None:
    shutil.copy2(ROOT / "deploy.py", tmp_path)
    (tmp_path / "infra/setup").mkdir(parents=True)
    (tmp_path / "infra/setup/__init__.py").write_text("raise KeyboardInterrupt\n")

    done = subprocess.run([tmp_path / "deploy.py"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (130, "interrupted; run the same command again to go on\n")


def test_a_login_without_a_name_is_told_by_its_number() -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 54321")

    assert user(nameless) == str(os.getuid())
    assert user(lambda: "ana") == "ana"


@pytest.mark.parametrize(
    ("code", "stopped", "ours"),
    [(0, False, 0), (7, False, 7), (None, False, 1), (0, True, 1), (143, True, 143)],
)
def test_a_task_that_was_stopped_has_failed_whatever_it_says(
    code: int | None, stopped: bool, ours: int
) -> None:
    assert exit_code(TaskResult("arn", code, "", (), stopped)) == ours


SAID = "shop: 0002 failed; mend it and migrate again"


@pytest.mark.parametrize(
    ("same_eyes", "why", "said_again"),
    [
        (True, SAID, ""),
        (False, SAID, f"{SAID}\n"),
        (True, "shop: 1 to apply: 0002", "shop: 1 to apply: 0002\n"),
        (True, f"the migrate task of shop failed: it exited with code 1\n  | {SAID}", None),
    ],
)
def test_what_the_same_eyes_have_just_read_is_not_said_again(
    same_eyes: bool, why: str, said_again: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = Screen(same_eyes=lambda: same_eyes)
    screen.line("shop: 1 to apply: 0002")
    screen.line(SAID)

    screen.end(why)

    told = capsys.readouterr()
    assert told.out == f"shop: 1 to apply: 0002\n{SAID}\n"
    assert told.err == (f"{why.splitlines()[0]}\n" if said_again is None else said_again)


def test_beside_json_a_tasks_lines_are_events() -> None:
    events: list[Event] = []
    words = parser().parse_args(["run", "local", "shop", "--json"])

    liner(words, Reporter(events.append, lambda: 0.0), "shop run")("hello")

    assert events == [Event("log", "shop run", "hello", 0.0)]
