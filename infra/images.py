"""What an image is: the files it is made of and the tag that follows from them. Reads the tree, and nothing else.

    build ──> base ──> packages ──> chassis, and each Python service
                          gateway       postgres (the local cloud's)       reaper (infra.reaper_image)

A service with a requirements.lock of its own has packages of its own: what it brings is its business.
A tag is the image's name and a hash of all that decides its content: the same files give the same tag everywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

from infra.errors import ConfigurationError

Architecture = Literal["x86_64", "arm64"]
Kind = Literal["python", "gateway"]

OCI_ARCHITECTURES: dict[Architecture, str] = {"x86_64": "amd64", "arm64": "arm64"}
"""AWS's word for an architecture, and the one of OCI and Debian."""

LOCAL_REPOSITORY = "estaleiro"

RESERVED_NAMES = frozenset({"build", "base", "packages", "chassis", "postgres", "empty", "reaper"})
"""Images that exist beside those of services; a service may not take these names."""

_LEFT_BEHIND = frozenset(
    {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".DS_Store"}
)
_NOT_CODE = frozenset({"service.toml", "requirements.lock"})
_BROUGHT = "packages-"
_DIGITS = 12


@dataclass(frozen=True, order=True)
class ContextFile:
    """A file of a build context: `path` relative to the context, `mode` 0o644 or 0o755 as Git keeps it."""

    path: str
    mode: int
    content: bytes


@dataclass(frozen=True)
class Image:
    """One image. `files` hold its Dockerfile too; `bases` name the build arguments that take another image's tag."""

    name: str
    files: tuple[ContextFile, ...]
    arguments: tuple[tuple[str, str], ...] = ()
    bases: tuple[tuple[str, str], ...] = ()
    architecture: Architecture | None = None
    """None: that of the machine that builds; such an image never leaves it."""
    requirements: bytes | None = None
    """A lock file whose packages the builder unpacks into `lib/` of the context."""
    runs: bool = True
    """False for images that others are made from: they are never started nor pushed."""

    @cached_property
    def tag(self) -> str:
        """Return `<name>-<12 hexadecimal digits>`."""
        return f"{self.name}-{_digest(self)}"


def describe(
    root: Path, services: Sequence[tuple[str, Kind]], architecture: Architecture
) -> tuple[Image, ...]:
    """Return the images that `services` (name, kind) need, each after those it is made from.

    Raises ConfigurationError for a service whose name another image has, or whose folder is missing.
    """
    _check(root, services)
    build = _image(root, "build")
    base = _base(root, build, architecture)
    packages = _packages(root, build, base)
    pythons = ["chassis", *(name for name, kind in services if kind == "python")]
    brought = {name: _brought(root, name, packages) for name in pythons if _own_lock(root, name).is_file()}
    gateways = [name for name, kind in services if kind == "gateway"]
    return (
        build,
        base,
        packages,
        *brought.values(),
        *(_python(root, name, brought.get(name, packages)) for name in pythons),
        *(_gateway(root, name, build, base, [service for service, _ in services]) for name in gateways),
    )


def describe_postgres(root: Path) -> Image:
    """Return the image that the local cloud runs database instances from."""
    return _image(root, "postgres", runs=True)


def postgres_reference(root: Path) -> str:
    """Return the name that the engine holds the local cloud's PostgreSQL by."""
    return local_reference(describe_postgres(root).tag)


def local_reference(tag: str) -> str:
    """Return the name of a built image on the engine, before it gets that of a registry."""
    return f"{LOCAL_REPOSITORY}:{tag}"


def missing(images: Iterable[Image], is_there: Callable[[Image], bool]) -> tuple[Image, ...]:
    """Return the images to build, in the order of `images`: what runs and is not there, and what that is made from."""
    by_tag = {image.tag: image for image in images}
    found: set[str] = set()
    pending = [tag for tag, image in by_tag.items() if image.runs]
    while pending:
        tag = pending.pop()
        if tag in by_tag and tag not in found and not is_there(by_tag[tag]):
            found.add(tag)
            pending += [base for _, base in by_tag[tag].bases]
    return tuple(image for tag, image in by_tag.items() if tag in found)


def empty_tag(architecture: Architecture) -> str:
    """The tag of the image with no files that gives `base` its architecture."""
    return f"empty-{OCI_ARCHITECTURES[architecture]}"


def context_files(folder: Path, prefix: str = "") -> tuple[ContextFile, ...]:
    """Return the files under `folder`, as `prefix/…`, without what tools and editors leave behind."""
    kept = (
        path for path in folder.rglob("*") if path.is_file() and not _is_left_behind(path.relative_to(folder))
    )
    return tuple(
        sorted(_file(path, (PurePosixPath(prefix) / path.relative_to(folder)).as_posix()) for path in kept)
    )


def _check(root: Path, services: Sequence[tuple[str, Kind]]) -> None:
    problems = [
        f"services/{name}: the name belongs to an image of the tool: choose another"
        for name, _ in services
        if name in RESERVED_NAMES or name.startswith(_BROUGHT)
    ]
    problems += [
        f"services/{name}: there is no such folder"
        for name in ["chassis", *(name for name, _ in services)]
        if not (root / "services" / name).is_dir()
    ]
    if problems:
        raise ConfigurationError(problems)


def _image(root: Path, name: str, *, runs: bool = False) -> Image:
    return Image(name=name, files=context_files(root / "images" / name), runs=runs)


def _base(root: Path, build: Image, architecture: Architecture) -> Image:
    return Image(
        name="base",
        files=context_files(root / "images" / "base"),
        arguments=(("ARCH", OCI_ARCHITECTURES[architecture]),),
        bases=(("BUILD", build.tag), ("EMPTY", empty_tag(architecture))),
        architecture=architecture,
        runs=False,
    )


def _packages(root: Path, build: Image, base: Image) -> Image:
    return Image(
        name="packages",
        files=context_files(root / "images" / "packages"),
        bases=(("BUILD", build.tag), ("BASE", base.tag)),
        architecture=base.architecture,
        requirements=(root / "services" / "requirements.lock").read_bytes(),
        runs=False,
    )


def _own_lock(root: Path, service: str) -> Path:
    return root / "services" / service / "requirements.lock"


def _brought(root: Path, service: str, packages: Image) -> Image:
    """The same layer with the packages that a service chose for itself in the place of those that ours share."""
    return replace(packages, name=f"{_BROUGHT}{service}", requirements=_own_lock(root, service).read_bytes())


def _python(root: Path, service: str, packages: Image) -> Image:
    """`chassis` alone runs what belongs to no service. Manifests decide how an image is run, not what is in it."""
    folders = sorted({"chassis", service})
    code = (file for folder in folders for file in context_files(root / "services" / folder, f"app/{folder}"))
    return Image(
        name=service,
        files=(
            *context_files(root / "images" / "python"),
            *(file for file in code if PurePosixPath(file.path).name not in _NOT_CODE),
        ),
        arguments=(("SERVICE", service),),
        bases=(("PACKAGES", packages.tag),),
        architecture=packages.architecture,
    )


def _gateway(root: Path, service: str, build: Image, base: Image, services: Iterable[str]) -> Image:
    """Routes are made from every service's manifest and API description, so these are all it takes of a service."""
    described = (
        root / "services" / name / file
        for name in sorted(services)
        for file in ("openapi.json", "service.toml")
    )
    return Image(
        name=service,
        files=(
            *context_files(root / "images" / "gateway"),
            *(_file(path, path.relative_to(root).as_posix()) for path in described if path.is_file()),
        ),
        arguments=(("ARCH", OCI_ARCHITECTURES[base.architecture or "x86_64"]),),
        bases=(("DEBIAN", build.tag), ("BASE", base.tag)),
        architecture=base.architecture,
    )


def _file(path: Path, name: str) -> ContextFile:
    executable = path.stat().st_mode & 0o100
    return ContextFile(name, 0o755 if executable else 0o644, path.read_bytes())


def _is_left_behind(path: Path) -> bool:
    return (
        bool(_LEFT_BEHIND.intersection(path.parts))
        or path.suffix in {".pyc", ".swp"}
        or path.name.endswith("~")
    )


def _digest(image: Image) -> str:
    identity = {
        "name": image.name,
        "files": [
            [file.path, file.mode, hashlib.sha256(file.content).hexdigest()] for file in sorted(image.files)
        ],
        "arguments": sorted(image.arguments),
        "bases": sorted(image.bases),
        "architecture": image.architecture,
        "requirements": hashlib.sha256(image.requirements).hexdigest()
        if image.requirements is not None
        else None,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:_DIGITS]
