"""What the classic builder says while it builds, as steps and reasons."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from infra.errors import EstaleiroError

_LAST_LINES = 20
_STEP = re.compile(r"Step (\d+/\d+) : (.*)")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def follow(name: str, messages: Iterator[dict[str, Any]], step: Callable[[str], None]) -> None:
    """Tell each step of the classic builder as it begins.

    Raises EstaleiroError that names the step that failed, why, and its last lines.
    """
    current, last = "", deque[str](maxlen=_LAST_LINES)
    for message in messages:
        for line in filter(
            None, (line.strip() for line in _COLOUR.sub("", message.get("stream", "")).splitlines())
        ):
            begins = _STEP.match(line)
            if begins:
                current = f"{begins[1]} ({_shortened(begins[2])})"
                last.clear()
                step(f"step {current}")
            elif not line.startswith(("--->", "Removing intermediate container")):
                last.append(line)
        if "error" in message:
            said = "".join(f"\n  {line}" for line in last)
            reason = last[-1] if last else message["error"].strip()
            raise EstaleiroError(f"the image {name} cannot be built: step {current} failed: {reason}{said}")


def _shortened(instruction: str) -> str:
    """The builder joins continued lines; the first of them tells the step."""
    first = instruction.split("     ", 1)[0]
    return first if first == instruction else f"{first} …"
