"""Commands on hosts over SSH, through an Instance Connect tunnel: no bastion, no open port. The only Fabric."""

from __future__ import annotations

import logging
import os
import re
import shlex
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import fabric
from invoke.exceptions import CommandTimedOut, Failure, ThreadException
from paramiko.ssh_exception import SSHException

USER = "core"
CONNECT_SECONDS = 20
KEEPALIVE_SECONDS = 15
# An Instance Connect Endpoint carries 20 connections.
AT_ONCE = 10
# The AWS CLI's own name for the program behind the tunnel; it needs version 2.
TUNNEL = "aws ec2-instance-connect open-tunnel --instance-id %h --remote-port %p"

# What it has to say comes to us as an error.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

Stream = Literal["out", "err"]


@dataclass(frozen=True)
class Remote:
    """A host to speak to. `gateway` is a command whose standard input and output lead to it (%h, %p)."""

    host: str
    port: int = 22
    user: str = USER
    gateway: str | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Answer:
    """What a command did on a host. No `code`: it did not run, or not to its end, and `failure` says why."""

    host: str
    code: int | None
    out: str = ""
    err: str = ""
    failure: str = ""

    @property
    def well(self) -> bool:
        """Whether the command ended with 0."""
        return self.code == 0


Told = Callable[[Remote, Stream, str], None]


def instance(name: str, region: str, *, user: str = USER, key: Path | None = None) -> Remote:
    """Return an instance as a host behind its environment's tunnel."""
    return Remote(name, user=user, gateway=f"{TUNNEL} --region {region}", key=key)


def run_on(
    remotes: Sequence[Remote],
    command: str,
    *,
    seconds: float | None = None,
    told: Told = lambda remote, stream, line: None,
) -> tuple[Answer, ...]:
    """Run a command on every host at once; return what each did, in the order given. No host's failure stops another.

    `told` gets each whole line as it comes, one at a time; `seconds` is how long the command may take.
    """
    lock = threading.Lock()

    def one_at_a_time(remote: Remote, stream: Stream, line: str) -> None:
        with lock:
            told(remote, stream, line)

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return tuple(pool.map(lambda remote: _run(remote, command, seconds, one_at_a_time), remotes))


def exit_code(answers: Sequence[Answer]) -> int:
    """Return 0 when all went well, the code that all failures share, else 1."""
    codes = {1 if answer.code is None else answer.code for answer in answers if not answer.well}
    return codes.pop() if len(codes) == 1 else min(1, len(codes))


def login_words(
    remote: Remote, command: Sequence[str] = (), *, known: Path, more: Sequence[str] = ()
) -> list[str]:
    """Return the `ssh` command line for a person; `known` keeps the hosts' keys, `more` are options of ssh.

    Instance ids never come again, so an id that is new has a key that is new.
    """
    options = ["-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={known}"]
    options += ["-p", str(remote.port)]
    options += ["-o", f"ProxyCommand={remote.gateway}"] if remote.gateway else []
    options += ["-i", str(remote.key)] if remote.key else []
    return ["ssh", *options, *more, f"{remote.user}@{remote.host}", *command]


def fabric_task(work: Callable[[Remote], None], name: str) -> Any:
    """Return a function of a host as a task of `fab -H i-0abc …`; AWS_REGION says where the instance is."""

    def on(connection: Any) -> None:
        work(_remote(connection))

    on.__doc__ = work.__doc__
    return fabric.task(on, name=name)


def fabric_command_task(work: Callable[[Remote, str], None], name: str) -> Any:
    """Return a function of a host and a command as a task of `fab -H i-0abc NAME 'COMMAND …'`."""

    def on(connection: Any, command: str) -> None:
        work(_remote(connection), command)

    on.__doc__ = work.__doc__
    return fabric.task(on, name=name)


def _remote(connection: Any) -> Remote:
    if re.match(r"m?i-[0-9a-f]+$", str(connection.host)):
        region = os.environ.get("AWS_REGION", "eu-west-1")
        return instance(connection.host, region, key=_key(connection))
    return Remote(connection.host, connection.port, connection.user, key=_key(connection))


def _key(connection: Any) -> Path | None:
    """The private key of `fab -i`, which may be given more than once."""
    found = connection.connect_kwargs.get("key_filename")
    first = found[0] if isinstance(found, list) and found else found
    return Path(first) if first else None


def _run(remote: Remote, command: str, seconds: float | None, told: Told) -> Answer:
    out = _Lines(lambda line: told(remote, "out", line))
    err = _Lines(lambda line: told(remote, "err", line))
    code, failure = None, ""
    said = ""
    began = time.monotonic()
    try:
        with _tunnel(remote) as (sock, words), _connection(remote, sock) as connection:
            try:
                connection.open()
                connection.transport.set_keepalive(KEEPALIVE_SECONDS)
                exited = connection.run(
                    command, out_stream=out, err_stream=err, in_stream=False, warn=True, timeout=seconds
                ).exited
                code = exited if exited >= 0 else None
                # Below 0 the connection went away; Invoke's timer does that too, and Invoke does not always see that.
                if code is None and seconds is not None and time.monotonic() - began >= seconds:
                    failure = f"did not end within {seconds:g} s"
                elif code is None:
                    raise EOFError("the connection ended before the command did")
            except (SSHException, OSError, EOFError):
                said = words()
                raise
    except CommandTimedOut:
        failure = f"did not end within {seconds:g} s"
    except FileNotFoundError as error:
        failure = f"there is no {error.filename} to make the tunnel with: install the AWS CLI, version 2"
    except (SSHException, OSError, EOFError, Failure, ThreadException) as error:
        failure = f"cannot be reached: {said or str(error).strip().rstrip('.') or type(error).__name__}"
    for lines in (out, err):
        lines.end()
    return Answer(remote.host, code, out.text, err.text, failure)


@contextmanager
def _tunnel(remote: Remote) -> Iterator[tuple[socket.socket | None, Callable[[], str]]]:
    """Start the gateway's program; yield our end of it, and what returns its last words once it has ended.

    Paramiko's own ProxyCommand loses those words, and takes a program that has ended for a silent one.
    """
    if remote.gateway is None:
        yield None, lambda: ""
        return
    words = shlex.split(remote.gateway.replace("%h", remote.host).replace("%p", str(remote.port)))
    ours, theirs = socket.socketpair()
    with ours, tempfile.TemporaryFile() as errors:
        with theirs:
            program = subprocess.Popen(words, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=errors)

        def last_words() -> str:
            program.terminate()
            program.wait()
            errors.seek(0)
            lines = errors.read().decode(errors="replace").split("\n")
            return next((line.strip().rstrip(".") for line in reversed(lines) if line.strip()), "")

        try:
            yield ours, last_words
        finally:
            program.terminate()
            program.wait()


def _connection(remote: Remote, sock: socket.socket | None) -> Any:
    wishes = {"banner_timeout": CONNECT_SECONDS, "auth_timeout": CONNECT_SECONDS, "sock": sock}
    return fabric.Connection(
        remote.host,
        user=remote.user,
        port=remote.port,
        connect_timeout=CONNECT_SECONDS,
        connect_kwargs={**wishes, "key_filename": str(remote.key) if remote.key else None},
        # A ProxyCommand of the user's own for i-* would stand against ours.
        config=fabric.Config(overrides={"load_ssh_configs": False}),
    )


class _Lines:
    """A stream that passes on whole lines and keeps everything."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told = told
        self._rest = ""
        self.text = ""

    def write(self, text: str) -> None:
        """Take a piece of output; pieces end anywhere."""
        self.text += text
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._told(line.rstrip("\r"))

    def flush(self) -> None:
        """Lines are passed on as they end."""

    def end(self) -> None:
        """Pass on what had no newline."""
        if self._rest:
            self._told(self._rest)
            self._rest = ""
