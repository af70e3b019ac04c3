"""A command in a container that runs: its input, output, errors and exit code are those of whoever asked."""

from __future__ import annotations

import io
import os
import pty
import termios
from collections.abc import Iterator

import pytest

from infra.local import engine
from infra.local.errors import LocalCloudError
from infra.local.inside import Ends, run_inside
from tests.local import workloads


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    workloads.build_image()
    made = engine.client().containers.run(
        workloads.IMAGE, workloads.python("import time; time.sleep(600)"), detach=True
    )
    try:
        yield str(made.id)
    finally:
        made.remove(force=True)


def said(container: str, *command: str, typed: bytes = b"") -> tuple[int, bytes, bytes]:
    """Run with `typed` in a pipe; return the exit code, the output and the errors."""
    source, sink = os.pipe()
    with os.fdopen(sink, "wb") as write:
        write.write(typed)
    output, errors = io.BytesIO(), io.BytesIO()
    code = run_inside(container, command, Ends(source, output, errors))
    return code, output.getvalue(), errors.getvalue()


@pytest.mark.parametrize("code", [0, 1, 7, 130])
def test_the_exit_code_is_the_commands_own(container: str, code: int) -> None:
    assert said(container, *workloads.python(f"import sys; sys.exit({code})"))[0] == code


def test_output_and_errors_are_kept_apart_and_whole(container: str) -> None:
    code, output, errors = said(
        container, *workloads.python("import sys; print('x' * 300_000); print('no', file=sys.stderr)")
    )

    assert (code, len(output), errors) == (0, 300_001, b"no\n")


def test_first_words_are_not_lost(container: str) -> None:
    answers = [said(container, "python3", "-c", f"print({number})")[1] for number in range(10)]

    assert answers == [f"{number}\n".encode() for number in range(10)]


def test_what_a_pipe_holds_is_the_commands_input(container: str) -> None:
    code, output, _ = said(
        container, *workloads.python("import sys; print(sys.stdin.read().upper())"), typed=b"ships"
    )

    assert (code, output) == (0, b"SHIPS\n")


def test_a_command_that_is_not_there_fails_and_is_named(container: str) -> None:
    code, output, errors = said(container, "no-such-program")

    assert code in (126, 127)
    assert b"no-such-program" in output + errors


def test_a_container_that_is_not_there_is_an_error(container: str) -> None:
    with pytest.raises(LocalCloudError, match="nothing can be run in 0000"):
        said("0000", "true")


def test_a_terminal_is_passed_on_and_given_back_as_it_was(container: str) -> None:
    keyboard, screen = pty.openpty()
    before, output = termios.tcgetattr(screen), io.BytesIO()
    os.write(keyboard, b"ship\n")

    source = "import sys; print(sys.stdin.isatty(), input('name? ').upper()); sys.exit(3)"
    code = run_inside(container, workloads.python(source), Ends(screen, output, io.BytesIO()))

    assert code == 3
    assert b"True SHIP" in output.getvalue()
    assert termios.tcgetattr(screen) == before
