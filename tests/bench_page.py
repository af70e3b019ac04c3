"""BENCHMARKS.md: each benchmark owns one section between its marks, and writes nothing else."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "BENCHMARKS.md"


def write(name: str, text: str, page: Path = PAGE) -> None:
    """Put a benchmark's section in its place, at the end where it has none yet."""
    before = page.read_text(encoding="utf-8") if page.exists() else "# Benchmarks\n"
    page.write_text(with_section(before, name, text), encoding="utf-8")


def with_section(page: str, name: str, text: str) -> str:
    """Return the page with the section between `<!-- NAME -->` and `<!-- /NAME -->` replaced, or added."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    section = f"{begin}\n{text.strip()}\n{end}"
    if begin not in page:
        return f"{page.rstrip()}\n\n{section}\n"
    head, _, rest = page.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{section}{tail}"


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table whose columns but the first are figures."""
    lines = [_row(header), _row(["---", *["---:"] * (len(header) - 1)])]
    return "\n".join([*lines, *map(_row, rows)])


def machine() -> str:
    """One line on where and when."""
    return (
        f"Taken on {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores ({platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; load average {os.getloadavg()[0]:.1f} at the beginning)."
    )


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
