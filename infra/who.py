"""Who runs a command, for locks, records and tags."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable


def user(named: Callable[[], str] = getpass.getuser) -> str:
    """Return the login's name; its number where it has none, as in a container under any user id."""
    try:
        return named()
    except (KeyError, OSError):
        return str(os.getuid())
