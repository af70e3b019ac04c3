"""Commands over SSH against two real sshds on loopback, one of which fails, hangs or is gone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra import ssh
from infra.ssh import Answer, Remote
from tests.hosts.machines import Tool
from tests.hosts.sshd import key_pair, put_program, sshd
from tests.ports import free_port

PIPE = """
import os, pathlib, socket, sys, threading
pathlib.Path(sys.argv[0] + ".pid").write_text(str(os.getpid()))
there = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
def back():
    while piece := there.recv(65536):
        sys.stdout.buffer.write(piece); sys.stdout.buffer.flush()
threading.Thread(target=back, daemon=True).start()
while piece := sys.stdin.buffer.read1(65536):
    there.sendall(piece)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sshd")


@pytest.fixture(scope="module")
def two(place: Path, tool: Tool) -> Iterator[tuple[Remote, Remote]]:
    """Two hosts; `status` ends with 0 on the first and with 3 on the second."""
    key = key_pair(place / "key", tool)
    with sshd(place / "first", key, tool) as first, sshd(place / "second", key, tool) as second:
        put_program(place / "first", "status", "echo fine; echo careful >&2")
        put_program(place / "second", "status", "printf 'not fine'; exit 3")
        yield first, second


def test_each_host_gives_its_own_answer(two: tuple[Remote, Remote]) -> None:
    first, second = ssh.run_on(two, "status", seconds=20)

    assert first == Answer("127.0.0.1", 0, "fine\n", "careful\n")
    assert second == Answer("127.0.0.1", 3, "not fine", "")
    assert ssh.exit_code([first, second]) == 3


def test_lines_come_whole_with_their_host_and_stream(two: tuple[Remote, Remote]) -> None:
    told: list[tuple[int, str, str]] = []

    ssh.run_on(two, "status", told=lambda remote, stream, line: told.append((remote.port, stream, line)))

    first, second = two
    assert sorted(told) == sorted(
        [(first.port, "out", "fine"), (first.port, "err", "careful"), (second.port, "out", "not fine")]
    )


def test_hosts_work_at_the_same_time(two: tuple[Remote, Remote], place: Path) -> None:
    for mine, other in (("first", "second"), ("second", "first")):
        wait = f"touch {place}/{mine}.there; until [ -e {place}/{other}.there ]; do sleep 0.05; done"
        put_program(place / mine, "meet", f"{wait}; echo met")

    answers = ssh.run_on(two, "meet", seconds=20)

    assert [answer.out for answer in answers] == ["met\n", "met\n"]


@pytest.mark.slow
def test_a_host_that_hangs_does_not_keep_the_other(two: tuple[Remote, Remote], place: Path) -> None:
    put_program(place / "first", "work", "echo done")
    put_program(place / "second", "work", "echo begun; sleep 30")
    began = time.monotonic()

    answers = ssh.run_on(two, "work", seconds=5)

    assert answers == (
        Answer("127.0.0.1", 0, "done\n"),
        Answer("127.0.0.1", None, "begun\n", "", "did not end within 5 s"),
    )
    assert time.monotonic() - began < 20
    assert ssh.exit_code(answers) == 1


def test_a_host_that_is_gone_says_so_and_the_other_answers(two: tuple[Remote, Remote]) -> None:
    gone = replace(two[1], port=free_port())

    first, second = ssh.run_on([two[0], gone], "status")

    assert first.well
    assert second.code is None
    assert second.failure.startswith("cannot be reached: ")
    assert str(gone.port) in second.failure


def test_a_stranger_is_not_let_in(two: tuple[Remote, Remote], place: Path, tool: Tool) -> None:
    stranger = key_pair(place / "stranger", tool)

    (answer,) = ssh.run_on([replace(two[0], key=stranger)], "status")

    assert (answer.code, answer.failure) == (None, "cannot be reached: Authentication failed")


def test_a_tunnel_leads_to_a_host_without_an_address(two: tuple[Remote, Remote], place: Path) -> None:
    (place / "pipe.py").write_text(PIPE, encoding="utf-8")
    tunnel = f"{sys.executable} {place}/pipe.py %h %p"
    hidden = [replace(remote, host=f"i-{remote.port:x}", gateway=tunnel) for remote in two]

    answers = ssh.run_on(hidden, "status", seconds=20)

    assert [(answer.host, answer.code) for answer in answers] == [
        (hidden[0].host, 0),
        (hidden[1].host, 3),
    ]


def test_a_tunnel_that_breaks_says_why_at_once(two: tuple[Remote, Remote], place: Path) -> None:
    refuses = place / "refuses"
    refuses.write_text(
        "#!/bin/sh\necho >&2\necho 'not allowed to open a tunnel to' $1 >&2\nexit 254\n", encoding="utf-8"
    )
    refuses.chmod(0o755)
    began = time.monotonic()

    (answer,) = ssh.run_on([replace(two[0], host="i-0abc", gateway=f"{refuses} %h")], "status")

    assert answer == Answer(
        "i-0abc", None, "", "", "cannot be reached: not allowed to open a tunnel to i-0abc"
    )
    assert time.monotonic() - began < 15


def test_a_tunnel_that_is_cut_in_the_middle_ends_the_command(two: tuple[Remote, Remote], place: Path) -> None:
    (place / "pipe.py").write_text(PIPE, encoding="utf-8")
    put_program(place / "first", "cut", f"echo begun; sleep 1; kill $(cat {place}/pipe.py.pid); sleep 30")
    tunnel = f"{sys.executable} {place}/pipe.py %h %p"
    began = time.monotonic()

    (answer,) = ssh.run_on([replace(two[0], gateway=tunnel)], "cut")

    assert (answer.code, answer.out) == (None, "begun\n")
    assert answer.failure == "cannot be reached: the connection ended before the command did"
    assert time.monotonic() - began < 15


def test_without_the_aws_cli_the_sentence_says_what_to_install(two: tuple[Remote, Remote]) -> None:
    missing = replace(two[0], gateway="no-such-aws open-tunnel --instance-id %h")

    (answer,) = ssh.run_on([missing], "status")

    assert answer.failure == "there is no no-such-aws to make the tunnel with: install the AWS CLI, version 2"


def test_an_instance_is_reached_by_its_id_through_its_regions_endpoint() -> None:
    remote = ssh.instance("i-0abc", "eu-west-1")

    assert remote == Remote(
        "i-0abc",
        22,
        "core",
        "aws ec2-instance-connect open-tunnel --instance-id %h --remote-port %p --region eu-west-1",
    )


def test_a_person_logs_in_with_ssh_itself(two: tuple[Remote, Remote], place: Path, tool: Tool) -> None:
    words = ssh.login_words(two[1], ["status"], known=place / "known")

    done = subprocess.run([tool("ssh"), *words[1:]], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (3, "not fine")


@pytest.mark.parametrize(
    ("codes", "whole"), [((0, 0), 0), ((0, 3), 3), ((3, 3), 3), ((3, 4), 1), ((0, None), 1), ((3, None), 1)]
)
def test_the_exit_code_is_the_one_that_failures_share(codes: tuple[int | None, ...], whole: int) -> None:
    assert ssh.exit_code([Answer("h", code) for code in codes]) == whole
