"""Which task definitions nobody needs any more. Pure: revisions, release records and what runs in, ARNs out.

CloudFormation leaves the old ones behind (UpdateReplacePolicy Retain), so that a rollback finds them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from infra import naming


def retired(
    revisions: Sequence[str], records: Sequence[Mapping[str, Any]], in_use: Collection[str]
) -> tuple[str, ...]:
    """Return those of `revisions` (ARNs) that no record names and nothing uses."""
    kept = {*in_use, *(arn for record in records for arn in named(record))}
    return tuple(arn for arn in revisions if arn not in kept)


def named(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ARNs of every task definition that a release record names: its processes' and its one-off tasks'."""
    for what in ("parameters", "outputs"):
        for values in record.get(what, {}).values():
            yield from naming.task_definitions(values).values()
