"""Which code a schema still serves. Pure: a revision that takes something away names, in a comment, the first that can
do without it:

    # only after 0012: the code that came with it reads and writes release_year alone
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra import naming

_ONLY_AFTER = re.compile(r"^[ \t]*#[ \t]*only after (\w+):[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)

Record = Mapping[str, Any]


@dataclass(frozen=True)
class OnlyAfter:
    """The revision that code must know to serve on this schema, and why, in its author's words."""

    revision: str
    reason: str

    @property
    def words(self) -> str:
        """The comment as it stands in the file."""
        return f"only after {self.revision}: {self.reason}"


def only_after(source: str) -> OnlyAfter | None:
    """Return what a revision's comment says; None where it says nothing."""
    found = _ONLY_AFTER.search(source)
    return OnlyAfter(found[1], found[2]) if found else None


def knows(line: Sequence[str], head: str | None, revision: str) -> bool:
    """Say whether code whose newest revision is `head` knows `revision`; `line` is all revisions, oldest first.

    A head that is not on the line is of newer code. Nothing is known of code without one.
    """
    if head is None or head not in line:
        return head is not None
    return revision in line[: line.index(head) + 1]


def serving_head(records: Sequence[Record], service: str, parameters: Mapping[str, str]) -> str | None:
    """Return the newest revision that a service's serving code knows; None where no record tells.

    `records` are the releases, oldest first; `parameters` are the deployed service stack's. The code is that of the first
    release that ended with these task definitions. A deploy that was killed recorded none: then it is at least that of the
    last good release.
    """
    running = naming.task_definitions(parameters)
    own = [one for one in records if one.get("only") in (None, service)]
    same = [one for one in own if naming.task_definitions(_parameters(one, service)) == running]
    good = [one for one in own if one.get("verdict") == "good" and _parameters(one, service)]
    told = [*same[:1], *good[-1:]]
    heads: Collection[str] = told[0].get("migrations", {}).get(service, ()) if told else ()
    return max(heads, default=None)


def _parameters(record: Record, service: str) -> Mapping[str, str]:
    found: Mapping[str, str] = record.get("parameters", {}).get(service, {})
    return found
