"""Standard input, output and error as a command may rely on them, whatever it was started with."""

from __future__ import annotations

import io
import os
import sys

_NAMES = ("stdin", "stdout", "stderr")


def ready_streams() -> None:
    """Open the null device in place of what is closed (`>&-`), and let no character stop a line of output.

    A closed one would otherwise be the next file that is opened, so this comes before any other. Programs started
    later find it open too. A character that the locale's encoding lacks is written as an escape, as Python does on stderr.
    """
    for number, name in enumerate(_NAMES):
        if not _is_open(number):
            _open_null(number)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _open_null(number: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null == number:
        os.set_inheritable(number, True)
    else:
        os.dup2(null, number)
        os.close(null)
