"""Measures a deploy of 20 changed services, in parallel and one step after another, on one local cloud in one run.

`make bench` runs it. The services are tiny: what takes time is what ECS and CloudFormation take, not the programs.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from tests import bench_page
from tests.failures.yard import ENVIRONMENT, Yard, manifest, process

COUNT = 20
# Room for every task twice: a rollout starts the new ones first.
ROOMY = ENVIRONMENT.replace("t3.small", "t3.2xlarge")


def main() -> int:
    """Deploy, change everything, deploy in parallel; change everything, deploy one after another; write the section."""
    began = bench_page.machine()
    with tempfile.TemporaryDirectory(prefix="estaleiro-bench-") as folder:
        yard = Yard(Path(folder) / "estaleiro")
        yard.make()
        (yard.root / "infra/environments/local.toml").write_text(ROOMY)
        try:
            seconds = measure(yard)
        finally:
            yard.run("teardown", "--yes")
    text = section(began, seconds)
    bench_page.write("bench-parallel", text)
    print(text)
    return 0


def measure(yard: Yard) -> dict[str, float]:
    """Return the seconds that each deploy took from start to end."""
    return {
        f"the first deploy: {COUNT + 3} services": deployed(yard, "one"),
        "nothing to do": deployed(yard),
        f"{COUNT} services changed, in parallel": deployed(yard, "two"),
        f"{COUNT} services changed, one step at a time (`--at-once 1`)": deployed(
            yard, "three", "--at-once", "1"
        ),
    }


def deployed(yard: Yard, word: str = "", *options: str) -> float:
    """Change every service to answer `word`, deploy, and return the seconds that the tool says it took."""
    for number in range(COUNT) if word else ():
        name = f"berth{number}"
        yard.write(name, manifest(process("web", "web", word, service=name)))
    end = yard.run("deploy", *options)
    print(end.text[-400:], file=sys.stderr)
    assert end.code == 0, end.text
    assert bool(re.search("nothing to do", end.text)) is not bool(word), end.text
    return end.seconds


def section(began: str, seconds: dict[str, float]) -> str:
    """Return the text of the section."""
    *_, together, apart = seconds.values()
    rows = [[case, f"{value:.1f}"] for case, value in seconds.items()]
    return f"""## Many services at once

`python -m tests.bench_parallel`: {COUNT} tiny services of one task each beside the three of `tests/failures`, on one local
cloud, one run each. {began}

{bench_page.table(("deploy", "seconds"), rows)}

In parallel it took {together / apart:.0%} of the time: the graph starts at most 16 steps at once (`--at-once`)."""


if __name__ == "__main__":
    sys.exit(main())
