"""Builds the gateway's image for services of the tests' own, from the project's images and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.building.builder import Builder
from infra.docker import Engine
from infra.images import Kind, describe, local_reference
from tests.gateway.services_under_test import DOCUMENTS

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
# What stands behind the gateway: a service of the tests' own, which reads entity tags as our services do; or, from the gateway's
# image, one that answers everything quickly.
UPSTREAM_FILES = {
    str(path): {"bind": f"/{path.name}", "mode": "ro"}
    for path in (HERE / "upstream.py", ROOT / "services" / "chassis" / "etags.py", HERE / "answering.conf")
}
ANSWERING = ["/usr/sbin/nginx", "-e", "stderr", "-c", "/answering.conf"]


@dataclass(frozen=True)
class Images:
    """References on the engine; `base` holds Python, for the services behind the gateway."""

    gateway: str
    base: str


def build(root: Path, manifests: Mapping[str, str]) -> Images:
    """Lay out a repository in the empty folder `root` and build its gateway; the caller removes that image."""
    shutil.copytree(ROOT / "images", root / "images")
    shutil.copytree(ROOT / "services" / "gateway", root / "services" / "gateway")
    (root / "services" / "chassis").mkdir()
    (root / "services" / "requirements.lock").write_text("")
    for name, manifest in manifests.items():
        (root / "services" / name).mkdir()
        (root / "services" / name / "service.toml").write_text(manifest)
        (root / "services" / name / "openapi.json").write_text(json.dumps(DOCUMENTS[name]))
    engine = Engine()
    services: list[tuple[str, Kind]] = [("gateway", "gateway"), *((name, "python") for name in manifests)]
    needed = {
        image.name: image
        for image in describe(root, services, engine.architecture())
        if image.name in ("build", "base", "gateway")
    }
    Builder(engine, lambda *_: None, root / "cache").build(tuple(needed.values()))
    return Images(local_reference(needed["gateway"].tag), local_reference(needed["base"].tag))
