"""`hosts ENV …` from its words to the exit code: real sshds behind a tunnel program that stands for the AWS CLI."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from infra.commands import hosts_words
from infra.commands.context import Context
from infra.config import Config
from infra.errors import ConfigurationError, EstaleiroError
from tests.builders import ROOT
from tests.hosts.machines import Tool
from tests.hosts.scripted import PLACE, Cluster, host
from tests.hosts.sshd import key_pair, put_program, sshd
from tests.hosts.test_ssh import PIPE
from tests.hosts.test_systems import configured

FIRST, SECOND = "i-0a", "i-0b"
AWS = """
said="$*"
case $said in "ec2-instance-connect open-tunnel --instance-id "*" --remote-port 22 --region eu-west-1") ;; *) exit 2;; esac
exec {python} {folder}/pipe.py "$4" "$(cat {folder}/$4)"
"""


@dataclass
class Surroundings:
    """The parts of a context that the commands look at."""

    aws: Any
    config: Config
    root: Path = Path()
    cloud: Any = None

    def outputs(self) -> dict[str, dict[str, str]]:
        return {"cluster": {"ClusterName": PLACE.cluster, "HostsGroup": PLACE.group}}


def surroundings(config: Config | None = None, **changes: Any) -> Context:
    cluster = Cluster({FIRST: host(FIRST), SECOND: host(SECOND)})
    return cast(Context, Surroundings(cluster.wall, config or configured("flatcar"), **changes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tool: Tool) -> Iterator[Path]:
    """Two hosts behind a tunnel; `status` ends with 0 on the first and with 3 on the second."""
    folder = tmp_path_factory.mktemp("commands")
    key = key_pair(folder / "key", tool)
    (folder / "pipe.py").write_text(PIPE, encoding="utf-8")
    (folder / "tools/bin").mkdir(parents=True)
    put_program(folder / "tools", "aws", AWS.format(python=sys.executable, folder=folder))
    with sshd(folder / "first", key, tool) as first, sshd(folder / "second", key, tool) as second:
        for name, remote in ((FIRST, first), (SECOND, second)):
            (folder / name).write_text(str(remote.port))
        put_program(folder / "first", "status", "echo fine")
        put_program(folder / "second", "status", "echo not fine >&2; exit 3")
        yield folder


def acted(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str, tail: str = "") -> int:
    """Run the words; return the exit code."""
    monkeypatch.setenv("PATH", f"{folder}/tools/bin:{os.environ['PATH']}")
    arguments = parsed(*words, "--key", str(folder / "key"), "--user", getpass.getuser(), tail=tail)
    return hosts_words.act(surroundings(root=folder), arguments)


def parsed(*words: str, tail: str = "") -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    hosts_words.add_words(parser)
    return parser.parse_args(words, argparse.Namespace(tail=tail.split()))


def test_a_command_runs_everywhere_its_lines_say_where_and_its_failure_is_ours(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code = acted(folder, monkeypatch, "run", tail="status")

    said = capfd.readouterr()
    assert (code, said.out) == (3, f"{FIRST}: fine\n")
    assert sorted(said.err.splitlines()) == [f"{SECOND}: exit code 3", f"{SECOND}: not fine"]


def test_a_command_runs_on_the_host_that_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code = acted(folder, monkeypatch, "run", FIRST, tail="status")

    assert (code, capfd.readouterr().out) == (0, f"{FIRST}: fine\n")


def test_the_agents_journal_is_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    put_program(folder / "first", "sudo", 'echo "asked: $*"')

    code = acted(folder, monkeypatch, "logs", FIRST, "--lines", "7")

    assert (code, capfd.readouterr().out) == (
        0,
        f"{FIRST}: asked: -n journalctl --no-pager --output=short-iso --unit=amazon-ecs-agent "
        "--unit=ecs-agent-netfilter --lines=7\n",
    )


def test_a_person_gets_a_shell(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code = acted(folder, monkeypatch, "ssh", SECOND, tail="status")

    assert (code, "not fine" in capfd.readouterr().err) == (3, True)


def test_the_doctor_says_what_is_wrong_with_each_host_and_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    code = acted(folder, monkeypatch, "doctor", SECOND, "--json")

    ((found,),) = (json.loads(capfd.readouterr().out)["hosts"],)
    wells = {one["check"]: one["well"] for one in found["checks"]}
    assert (code, found["instance"]) == (1, SECOND)
    assert (wells["in the cluster"], wells["metadata by token"]) == (True, False)
    assert all(one["mend"] for one in found["checks"])


def test_the_list_shows_every_host_and_how_old_its_image_is(capfd: pytest.CaptureFixture[str]) -> None:
    code = hosts_words.act(surroundings(), parsed("list"))

    said = capfd.readouterr()
    first, *rows = said.out.splitlines()
    assert (code, first.split()[:3]) == (0, ["HOST", "ZONE", "OS"])
    assert [row.split()[:3] for row in rows if row.startswith("i-")] == [
        [FIRST, "eu-west-1a", "4593.2.5"],
        [SECOND, "eu-west-1a", "4593.2.5"],
    ]
    assert "days old" in said.err


def test_a_stranger_is_named() -> None:
    with pytest.raises(EstaleiroError, match=f"i-9: no such host; {FIRST}, {SECOND}"):
        hosts_words.act(surroundings(), parsed("run", "i-9", tail="true"))


def test_run_without_a_command_says_how() -> None:
    with pytest.raises(ConfigurationError, match="the command is missing"):
        hosts_words.act(surroundings(), parsed("run"))


@pytest.mark.parametrize("action", ["list", "run", "drain", "replace", "doctor"])
def test_on_fargate_there_are_no_hosts_to_work_on(action: str) -> None:
    arguments = parsed(action, FIRST, "--yes", tail="true")

    with pytest.raises(EstaleiroError, match="runs on Fargate: AWS keeps the machines"):
        hosts_words.act(surroundings(configured("fargate")), arguments)


def test_the_local_clouds_hosts_have_no_machine_to_log_in_to() -> None:
    with pytest.raises(EstaleiroError, match="simulated by one Docker engine"):
        hosts_words.act(surroundings(cloud=object()), parsed("run", tail="true"))


def fab(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What Fabric's own program says for the first host, which has an address here."""
    host_string = f"{getpass.getuser()}@127.0.0.1:{(folder / FIRST).read_text()}"
    return subprocess.run(
        [sys.executable, "-m", "fabric", "-i", str(folder / "key"), "-H", host_string, *words],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_fabric_itself_runs_the_same_checks(folder: Path) -> None:
    done = fab(folder, "doctor")

    assert done.returncode == 1, done.stderr
    assert "127.0.0.1: FAIL metadata by token" in done.stdout


def test_fabric_itself_runs_a_command_with_an_honest_exit_code(folder: Path) -> None:
    done = fab(folder, "run", "status && exit 5")

    assert (done.returncode, done.stdout) == (5, "127.0.0.1: fine\n"), done.stderr


@pytest.mark.parametrize("task", ["drain", "replace"])
def test_fabric_moves_no_task_away_before_somebody_agreed(folder: Path, task: str) -> None:
    done = fab(folder, task, ENV="staging")

    assert done.returncode == 1
    assert done.stderr == (
        "127.0.0.1: there is no terminal to ask on; set YES=1 to go on. Nothing was changed\n"
    )
