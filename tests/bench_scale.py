"""Measures what needs no cloud: rendering and planning for 10, 100 and 1,000 generated services. `make bench` runs it.

Each size in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra import stacks
from infra.config import load
from infra.differences import template_changes
from infra.plan import parameter_values, plan
from infra.stacks.model import Stack
from infra.steps import Actual, Deployed
from tests import bench_page
from tests.builders import manifest, project_files, write_tree

SIZES = (10, 100, 1000)
THERE_IS = Actual(resolved={"host-image": "ami-0123456789abcdef0"})


def main() -> int:
    """Measure every size and write the section."""
    began = bench_page.machine()
    measured = [measured_apart(size) for size in SIZES]
    bench_page.write("bench-scale", section(began, measured))
    print(section(began, measured))
    return 0


def measured_apart(size: int) -> dict[str, float]:
    """Measure one size in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench_scale", str(size)], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(size: int) -> dict[str, float]:
    """Return the seconds of each part of the work, and the peak of memory in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        root = write_tree(Path(folder), project(size))
        seconds = {}
        began = time.perf_counter()
        config = load(root, "local")
        seconds["read"] = time.perf_counter() - began
        tags = {service.name: f"{service.name}-0123456789ab" for service in config.services}
        began = time.perf_counter()
        made = stacks.environment(config, tags | {"chassis": "chassis-0"})
        seconds["render"] = time.perf_counter() - began
        there = Actual({stack.part: deployed(stack) for stack in made}, THERE_IS.resolved)
        began = time.perf_counter()
        plan(config, made, there)
        seconds["plan, nothing changed"] = time.perf_counter() - began
        changed = stacks.environment(
            config, {name: f"{tag}c" for name, tag in tags.items()} | {"chassis": "chassis-0"}
        )
        began = time.perf_counter()
        steps = plan(config, changed, there).steps
        seconds["plan, every service changed"] = time.perf_counter() - began
    assert len(steps) > size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"services": size, **seconds, "memory": peak, "stacks": len(made)}


def project(size: int) -> dict[str, str]:
    """A project of so many services, each with a database, a queue and a worker; each tenth calls the one before it.

    More than about 190 that call do not fit the issuer's stack: CloudFormation takes 200 parameters.
    """
    names = [f"s{number:04}" for number in range(size - 3)]
    services = {}
    for number, name in enumerate(names):
        more = f'priority = {number + 1}\n[database]\nname = "{name}"\n[queue]\n'
        calls = f'[calls]\n{names[number - 1]} = ["{names[number - 1]}:read"]\n' if number % 10 == 1 else ""
        worker = '[processes.worker]\ncommand = ["python3"]\ncpu = 128\nmemory = 64\n'
        services[name] = manifest(name, more=more) + worker + calls
    return project_files(**services)


def deployed(stack: Stack) -> Deployed:
    """The stack as CloudFormation would show it after a deploy; what an output would be is not asked for."""
    known, unknown = parameter_values(stack, THERE_IS, frozenset())
    assert template_changes(stack.template, stack.template) == ()
    values = known | {key: "x" for key in unknown}
    return Deployed(stack.part, stack.name, "CREATE_COMPLETE", stack.template, values, Outputs(), stack.tags)


class Outputs(dict[str, str]):
    """Every output there may be, all the same."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> str:
        return "x"


def section(began: str, measured: list[dict[str, float]]) -> str:
    """Return the text of the section: the table and the slope between the two largest sizes."""
    names = [name for name in measured[0] if name not in ("services", "memory", "stacks")]
    rows = [
        [
            f"{one['services']:,.0f}",
            f"{one['stacks']:,.0f}",
            *(f"{one[name]:.3f}" for name in names),
            f"{one['memory']:.0f}",
        ]
        for one in measured
    ]
    before, last = measured[-2], measured[-1]
    more = last["services"] - before["services"]
    slopes = [f"{(last[name] - before[name]) / more * 1000:.2f} ms" for name in names]
    rows.append(["each service more", "", *slopes, f"{(last['memory'] - before['memory']) / more:.2f}"])
    header = ["services", "stacks", *(f"{name} (s)" for name in names), "peak memory (MiB)"]
    return f"""## Render and plan for many services

`python -m tests.bench_scale`; no cloud, one run. {began}

{bench_page.table(header, rows)}"""


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]))))
        sys.exit(0)
    sys.exit(main())
