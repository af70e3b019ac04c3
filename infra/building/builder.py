"""Images from their descriptions: what is missing is built, two at once where they are free, the rest is skipped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.building import debian, wheels
from infra.docker import DEBIAN, Engine
from infra.errors import EstaleiroError
from infra.events import Kind
from infra.graph import run_graph
from infra.images import Image, local_reference, missing
from infra.setup.machine import CannotContinue, require_space

Tell = Callable[[Kind, str, str], None]
"""Called with what happened, the image's name, and a sentence; `Reporter.tell` is one."""

_WORKERS = 2
_GIGABYTES = 3


@dataclass(frozen=True)
class Builder:
    """`cache` is the folder for unpacked packages, `source` the URL of the code for the images' labels."""

    engine: Engine
    tell: Tell
    cache: Path
    source: str = ""
    clock: Callable[[], float] = time.monotonic

    def build(self, images: Sequence[Image]) -> tuple[str, ...]:
        """See to it that the engine holds every image of `images` that runs; return the tags that were built.

        What they are made from is built only where one of them is missing. Raises the first failure.
        """
        wanted = {image.tag: image for image in missing(images, self._is_there)}
        for image in images:
            if image.runs and image.tag not in wanted:
                self.tell("skipped", image.name, f"{image.tag} is there")
        if not wanted:
            return ()
        self._require_space()
        self.ensure_debian()
        needs = {
            tag: frozenset(base for _, base in image.bases if base in wanted) for tag, image in wanted.items()
        }
        outcome = run_graph(needs, lambda tag: self._build(wanted[tag]), workers=_WORKERS)
        for error in outcome.failed.values():
            raise error
        return outcome.done

    def ensure_debian(self) -> None:
        """See to it that the engine holds debian:trixie-slim: pulled, or made where no registry answers."""
        if self.engine.has_image(DEBIAN):
            return
        started = self.clock()
        self.tell("started", DEBIAN, "pulling")
        if not self.engine.pull_debian():
            self.tell("progress", DEBIAN, "no registry answers: making it from Debian's packages")
            with debian.archive() as archive:
                self.engine.import_debian(archive)
        self.tell("done", DEBIAN, f"{self.clock() - started:.1f} s")

    def _build(self, image: Image) -> None:
        started = self.clock()
        self.tell("started", image.name, image.tag)
        try:
            self.engine.build(
                image,
                lambda step: self.tell("progress", image.name, step),
                packages=self._packages(image),
                source=self.source,
            )
        except EstaleiroError as error:
            self.tell("failed", image.name, str(error).splitlines()[0])
            raise
        self.tell("done", image.name, f"{image.tag} in {self.clock() - started:.1f} s")

    def _packages(self, image: Image) -> Path | None:
        if image.requirements is None or image.architecture is None:
            return None
        self.tell("progress", image.name, "fetching packages")
        return wheels.unpacked(image.requirements, image.architecture, cache=self.cache)

    def _is_there(self, image: Image) -> bool:
        return self.engine.has_image(local_reference(image.tag))

    def _require_space(self) -> None:
        """The engine may be on another machine, whose disk we do not see."""
        storage = self.engine.storage()
        if not storage.is_dir():
            return
        try:
            require_space(storage, _GIGABYTES, "building images")
        except CannotContinue as problem:
            raise EstaleiroError(str(problem)) from problem
