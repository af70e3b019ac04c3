"""A gateway image for two services of the tests' own, a network, and containers that are gone when the test is over."""

from __future__ import annotations

import json
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.models.containers import Container
from docker.models.networks import Network

from infra.builder import Builder
from infra.docker import Engine
from infra.images import describe, local_reference

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "images" / "gateway")]

from services_under_test import DOCUMENTS, MANIFESTS  # noqa: E402 (needs the path above)

from client import ask  # noqa: E402


@dataclass(frozen=True)
class Images:
    gateway: str
    base: str


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "images", root / "images")
    shutil.copytree(ROOT / "services" / "gateway", root / "services" / "gateway")
    for name, manifest in MANIFESTS.items():
        (root / "services" / name).mkdir(parents=True)
        (root / "services" / name / "service.toml").write_text(manifest)
        (root / "services" / name / "openapi.json").write_text(json.dumps(DOCUMENTS[name]))
    (root / "services" / "chassis").mkdir()
    (root / "services" / "requirements.lock").write_text("")
    engine = Engine()
    kinds = [("gateway", "gateway")]
    described = describe(root, [*kinds, *((name, "gateway") for name in ())], engine.architecture())
    raise NotImplementedError(described)
