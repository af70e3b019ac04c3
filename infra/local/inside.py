"""A command in a container that runs, on this process's own terminal or pipes, as `docker exec` has it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import struct
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import docker.errors

from infra.local.engine import client
from infra.local.errors import LocalCloudError

PIECE = 4096
# The engine's frames: the stream's number, three empty bytes, the length.
# https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
_HEAD = struct.Struct(">BxxxL")
_ERRORS = 2


@dataclass(frozen=True)
class Ends:
    """What the command is connected to: where its input is read, where its output and its errors go."""

    input: int
    output: IO[bytes]
    errors: IO[bytes]


def own_ends() -> Ends:
    """This process's standard input, output and errors."""
    return Ends(sys.stdin.fileno(), sys.stdout.buffer, sys.stderr.buffer)


def run_inside(container: str, command: Sequence[str], ends: Ends) -> int:
    """Run a command in a container to its end; return its exit code. A terminal as input makes it interactive.

    Raises LocalCloudError when the container is not there or does not run.
    """
    api: Any = client().api
    terminal = os.isatty(ends.input)
    try:
        made = api.exec_create(container, list(command), stdin=True, tty=terminal)["Id"]
        answer = api.exec_start(made, tty=terminal, socket=True)
    except docker.errors.APIError as error:
        raise LocalCloudError(f"nothing can be run in {container[:12]}: {error.explanation}") from error
    # The engine's first words may have come with its headers, and then stand in the answer's buffer.
    reader, connection = answer._response.raw._fp.fp, answer._sock
    connection.settimeout(None)
    with contextlib.closing(answer), _as_terminal(ends.input, lambda *size: api.exec_resize(made, *size)):
        threading.Thread(target=_feed, args=(ends.input, connection), daemon=True).start()
        for stream, piece in _terminal_pieces(reader) if terminal else _pieces(reader):
            target = ends.errors if stream == _ERRORS else ends.output
            target.write(piece)
            target.flush()
    return int(api.exec_inspect(made)["ExitCode"])


def _feed(source: int, connection: Any) -> None:
    """Send what is typed, or what a pipe holds and then its end. The command may end before its input does."""
    with contextlib.suppress(OSError):
        while piece := os.read(source, PIECE):
            connection.sendall(piece)
        connection.shutdown(1)


def _pieces(reader: Any) -> Iterator[tuple[int, bytes]]:
    while len(head := reader.read(_HEAD.size)) == _HEAD.size:
        stream, length = _HEAD.unpack(head)
        yield stream, reader.read(length)


def _terminal_pieces(reader: Any) -> Iterator[tuple[int, bytes]]:
    """A terminal has one stream, without frames."""
    while piece := reader.read1(PIECE):
        yield 1, piece


@contextlib.contextmanager
def _as_terminal(source: int, resize: Callable[[int, int], None]) -> Iterator[None]:
    """Pass keys on as they are typed, and the terminal's size now and whenever it changes."""
    if not os.isatty(source):
        yield
        return

    def fit(*_: object) -> None:
        size = shutil.get_terminal_size()
        # A command that ended already has no terminal to fit.
        with contextlib.suppress(docker.errors.APIError):
            resize(size.lines, size.columns)

    kept, before = termios.tcgetattr(source), signal.signal(signal.SIGWINCH, fit)
    # What was typed ahead is not thrown away.
    tty.setraw(source, termios.TCSADRAIN)
    try:
        fit()
        yield
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, kept)
        signal.signal(signal.SIGWINCH, before)
