"""Measures the main job on this machine and writes its section of BENCHMARKS.md: `make bench-deploy`.

It deploys a fresh clone: first with nothing prepared (no environment, no images, no base image; the engine is there),
then with nothing to do, then with one service changed. Figures are whole-process seconds.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import docker

from tests import bench_page

ROOT = Path(__file__).parents[1]
RUNS = 5
PORTS = {"ESTALEIRO_API_PORT": "24566", "ESTALEIRO_EDGE_PORT": "28080"}


def main() -> int:
    """Deploy a fresh clone in each of the ways, then write the section."""
    began = bench_page.machine()
    with tempfile.TemporaryDirectory(prefix="estaleiro-bench-") as folder:
        clone = Path(folder) / "estaleiro"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        try:
            seconds, sizes = measure(clone)
        finally:
            subprocess.run(["make", "teardown"], cwd=clone, env=environment(), check=False)
    text = section(seconds, sizes, began)
    bench_page.write("bench-deploy", text)
    print(text)
    return 0


def measure(clone: Path) -> tuple[dict[str, float], dict[str, int]]:
    """Return seconds by case, and bytes by image."""
    engine = docker.from_env()
    forget_images(engine)
    seconds = {"first `make deploy`, nothing prepared but the engine": timed(clone)}
    seconds["`make deploy` with nothing to do (median of 5)"] = statistics.median(
        timed(clone) for _ in range(RUNS)
    )
    source = clone / "services/movies/app.py"
    source.write_text(source.read_text() + "\n# changed\n")
    seconds["`make deploy` with one service changed"] = timed(clone)
    started = time.monotonic()
    subprocess.run(["make", "teardown"], cwd=clone, env=environment(), check=True)
    seconds["`make teardown`"] = time.monotonic() - started
    seconds["`make deploy` after a teardown, images there"] = timed(clone)
    return seconds, image_sizes(engine)


def timed(clone: Path) -> float:
    """Return the seconds of one `make deploy`, which must succeed."""
    started = time.monotonic()
    subprocess.run(["make", "deploy"], cwd=clone, env=environment(), check=True, stdout=sys.stderr)
    return time.monotonic() - started


def environment() -> dict[str, str]:
    """The caller's, on ports that no other local cloud uses."""
    return {**os.environ, **PORTS}


def forget_images(engine: docker.DockerClient) -> None:
    """Remove what an earlier deploy has built, and the base image."""
    ours = engine.images.list(filters={"label": "estaleiro.image"})
    for name in [tag for image in ours for tag in image.tags] + ["debian:trixie-slim"]:
        try:
            engine.images.remove(name, force=True)
        except docker.errors.ImageNotFound:
            continue


def image_sizes(engine: docker.DockerClient) -> dict[str, int]:
    """Return the bytes of the newest image of each name, all layers, uncompressed."""
    sizes: dict[str, int] = {}
    for image in sorted(
        engine.images.list(filters={"label": "estaleiro.image"}), key=lambda one: one.attrs["Created"]
    ):
        sizes[image.labels["estaleiro.image"]] = image.attrs["Size"]
    return sizes


def section(seconds: Mapping[str, float], sizes: Mapping[str, int], began: str) -> str:
    """Return the text of the section."""
    deploys = bench_page.table(
        ("deploy of all services to the local cloud", "seconds"),
        [[case, f"{value:.1f}"] for case, value in seconds.items()],
    )
    images = bench_page.table(
        ("image", "MB, all layers, uncompressed"),
        [[name, f"{size / 1e6:.0f}"] for name, size in sorted(sizes.items())],
    )
    return f"""## The main job

`make bench-deploy`; whole-process seconds of one run each unless a row says otherwise. {began}

{deploys}

{images}"""


if __name__ == "__main__":
    sys.exit(main())
