"""What can go wrong that a user can act on; everything else is a bug and keeps its traceback.

EstaleiroError (exit 1: what was asked failed)
├── ConfigurationError   (exit 2: a file or an argument is wrong; nothing has changed)
├── Refused              (exit 3: a guard said no)
├── Locked               (exit 4: somebody else is at work)
├── Interrupted          (exit 130)
│   └── LeftAtOnce       (exit 130, without waiting for what still runs)
└── AwsError             (exit 1: AWS said no, in our words; raised by infra.aws)
    └── NotFound
"""

from __future__ import annotations

from collections.abc import Sequence


class EstaleiroError(Exception):
    """One plain sentence: what failed, why, and what to do."""

    exit_code = 1


class ConfigurationError(EstaleiroError):
    """Every problem found in the files, one line each: `file: key: rule`."""

    exit_code = 2

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class Refused(EstaleiroError):
    """A guard stopped the command before anything changed."""

    exit_code = 3


class Locked(EstaleiroError):
    """Another command holds the environment's lock."""

    exit_code = 4


class Interrupted(EstaleiroError):
    """The user asked to stop; says what was undone or left."""

    exit_code = 130


class LeftAtOnce(Interrupted):
    """The user asked twice; what still runs is not waited for."""


class AwsError(EstaleiroError):
    """AWS refused a call. `code` is AWS's error code, e.g. `AccessDenied`."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class NotFound(AwsError):
    """The thing that was asked for does not exist."""
