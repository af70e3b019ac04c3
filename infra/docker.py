"""The Docker engine that builds and keeps images; the only Docker SDK outside the local cloud.

It speaks to the engine's classic builder: BuildKit cannot be reached through the SDK (docker-py issue 2230).
"""

from __future__ import annotations

import os
import time
import urllib.parse
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import docker
import docker.errors
import requests.exceptions

from infra.building.context import context_archive, empty_image_archive
from infra.building.log import follow
from infra.building.stale import IMAGE_LABEL, stale_references
from infra.errors import EstaleiroError
from infra.images import Architecture, Image, empty_tag, local_reference

DEBIAN = "debian:trixie-slim"
"""On every image that we build: its name."""

_REGISTRY_SECONDS = 15
"""So long may a registry be silent, before the pull of the base image and in it."""
_BUILD_SECONDS = 1800
"""So long may a step of a build be silent."""
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Login:
    """Credentials for a registry, e.g. what ECR's GetAuthorizationToken gives."""

    username: str
    password: str


class Engine:
    """One engine, found as Docker's own programs find it (DOCKER_HOST, else the default socket).

    Every method raises EstaleiroError, in one sentence, when the engine does not answer or refuses.
    """

    def __init__(self) -> None:
        with _in_our_words("the Docker engine cannot be used"):
            # The SDK has types for some methods only.
            self._api: Any = docker.from_env(version="auto", timeout=60).api

    def ping(self) -> None:
        """Return when the engine answers."""
        with _in_our_words("the Docker engine does not answer"):
            self._api.ping()

    def architecture(self) -> Architecture:
        """The architecture of the engine's machine, in AWS's words."""
        machine = self._info()["Architecture"]
        return "arm64" if machine in ("aarch64", "arm64") else "x86_64"

    def storage(self) -> Path:
        """The folder where the engine keeps images, on the engine's machine."""
        return Path(self._info()["DockerRootDir"])

    def has_image(self, reference: str) -> bool:
        """True when the engine holds the image."""
        return self._inspect(reference) is not None

    def image_architecture(self, reference: str) -> Architecture | None:
        """Return the processor an image is for, in AWS's words; None for one that the engine does not hold."""
        found = self._inspect(reference)
        return None if found is None else "arm64" if found["Architecture"] == "arm64" else "x86_64"

    def digest(self, reference: str) -> str | None:
        """Return the digest by which the engine knows an image; None for one that it does not hold."""
        found = self._inspect(reference)
        return None if found is None else str(found["Id"])

    def image_size(self, reference: str) -> int:
        """Return the bytes of all layers, uncompressed; 0 for an image that the engine does not hold."""
        return int((self._inspect(reference) or {}).get("Size", 0))

    def build(
        self,
        image: Image,
        step: Callable[[str], None],
        *,
        packages: Path | None = None,
        source: str = "",
    ) -> None:
        """Build `image` as `estaleiro:<tag>`, from images that are there; `step` is told each step as it begins.

        `packages` is the folder that goes into the context as `lib/`; `source` is the URL of the code, for a label.
        Raises EstaleiroError that names the step that failed and says why.
        """
        if image.architecture is not None:
            self._ensure_empty(image.architecture)
        arguments = dict(image.arguments) | {name: local_reference(tag) for name, tag in image.bases}
        with (
            _in_our_words(f"the image {image.name} cannot be built"),
            context_archive(image, packages) as context,
        ):
            lines = self._build_lines(image, context, arguments | _proxies(os.environ), source)
            follow(image.name, lines, step)

    def tag(self, image: Image, reference: str) -> None:
        """Give a built image another name, e.g. the one in the registry."""
        repository, _, tag = reference.rpartition(":")
        with _in_our_words(f"{image.tag} cannot be named {reference}"):
            self._api.tag(local_reference(image.tag), repository, tag)

    def push(self, reference: str, login: Login | None = None) -> None:
        """Send an image to the registry that its name begins with."""
        repository, _, tag = reference.rpartition(":")
        auth = {"username": login.username, "password": login.password} if login else None
        with _in_our_words(f"{reference} cannot be pushed"):
            for message in self._api.push(repository, tag, stream=True, decode=True, auth_config=auth):
                _raise_error(f"{reference} cannot be pushed", message)

    def remove(self, reference: str) -> bool:
        """Remove a name, and the image with its last one; False when it is in use or was not there."""
        try:
            with _in_our_words(f"{reference} cannot be removed"):
                self._api.remove_image(reference)
        except _InUseOrGone:
            return False
        return True

    def prune(self, keep: Collection[str], newest: int = 3, *, days: float = 7) -> tuple[str, ...]:
        """Remove our images but the tags in `keep`, the `newest` of each name, those in use, and those of the last `days`.

        A young one may be another clone's on this machine, whose releases this clone does not know. Returns the names.
        """
        with _in_our_words("the images cannot be listed"):
            ours = self._api.images(filters={"label": IMAGE_LABEL})
        stale = stale_references(ours, keep, newest, before=time.time() - days * 86400)
        return tuple(reference for reference in stale if self.remove(reference))

    def pull_debian(self) -> bool:
        """Pull the base image; False when no registry gives it within a few seconds."""
        with suppress(docker.errors.DockerException, requests.exceptions.RequestException):
            patient = docker.from_env(version="auto", timeout=_REGISTRY_SECONDS).api
            repository, _, tag = DEBIAN.partition(":")
            for message in patient.pull(repository, tag, stream=True, decode=True):
                if "error" in message:
                    return False
            return self.has_image(DEBIAN)
        return False

    def import_debian(self, archive: Path) -> None:
        """Make the base image of a tar file with its file system."""
        repository, _, tag = DEBIAN.partition(":")
        with _in_our_words(f"{DEBIAN} cannot be imported"):
            self._api.import_image_from_file(str(archive), repository, tag, changes=['CMD ["bash"]'])

    def _build_lines(
        self, image: Image, context: IO[bytes], arguments: Mapping[str, str], source: str
    ) -> Iterator[dict[str, Any]]:
        lines: Iterator[dict[str, Any]] = self._api.build(
            fileobj=context,
            custom_context=True,
            tag=local_reference(image.tag),
            buildargs=dict(arguments),
            labels=_labels(image, source),
            rm=True,
            forcerm=True,
            decode=True,
            timeout=_BUILD_SECONDS,
        )
        return lines

    def _ensure_empty(self, architecture: Architecture) -> None:
        reference = local_reference(empty_tag(architecture))
        if not self.has_image(reference):
            archive = empty_image_archive(architecture, reference)
            with _in_our_words(f"{reference} cannot be loaded"):
                for message in self._api.load_image(archive):
                    _raise_error(f"{reference} cannot be loaded", message)

    def _inspect(self, reference: str) -> Mapping[str, Any] | None:
        try:
            with _in_our_words(f"{reference} cannot be looked at"):
                found: Mapping[str, Any] = self._api.inspect_image(reference)
        except _InUseOrGone:
            return None
        return found

    def _info(self) -> Mapping[str, Any]:
        with _in_our_words("the Docker engine does not answer"):
            found: Mapping[str, Any] = self._api.info()
        return found


class _InUseOrGone(EstaleiroError):
    """The engine has no such image, or a container uses it."""


@contextmanager
def _in_our_words(failure: str) -> Iterator[None]:
    try:
        yield
    except docker.errors.APIError as error:
        kind = _InUseOrGone if error.status_code in (404, 409) else EstaleiroError
        raise kind(f"{failure}: {error.explanation or error}") from error
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise EstaleiroError(
            f"{failure}: no Docker engine answers ({error}); start it with `python3 -m infra.setup engine`"
        ) from error


def _raise_error(failure: str, message: Mapping[str, Any]) -> None:
    if "error" in message:
        raise EstaleiroError(f"{failure}: {message['error']}")


def _labels(image: Image, source: str) -> dict[str, str]:
    """https://specs.opencontainers.org/image-spec/annotations/"""
    labels = {
        IMAGE_LABEL: image.name,
        "org.opencontainers.image.title": image.name,
        "org.opencontainers.image.revision": image.tag,
    }
    return labels | ({"org.opencontainers.image.source": source} if source else {})


def _proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies that builds must use; one on this machine's loopback is out of their reach."""
    found = {
        name: environment[name]
        for upper in _PROXIES
        for name in (upper, upper.lower())
        if environment.get(name)
    }
    return {
        name: value
        for name, value in found.items()
        if (urllib.parse.urlsplit(value).hostname or "") not in ("localhost", "127.0.0.1", "::1")
    }
