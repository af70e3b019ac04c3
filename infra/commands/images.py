"""`images`: builds what is missing and names it as the registry does, where task definitions look for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra import naming
from infra.aws import Aws
from infra.building.builder import Builder
from infra.config import Config
from infra.docker import Engine, Login
from infra.events import Kind, Reporter
from infra.images import Image, describe, describe_postgres
from infra.images import Kind as ImageKind


@dataclass(frozen=True)
class BuiltImages:
    """The images that run in an environment; `engine` holds every one of them once they are built."""

    config: Config
    images: tuple[Image, ...]
    engine: Engine | None = None

    @property
    def tags(self) -> Mapping[str, str]:
        """The tag of each image by its name."""
        return {image.name: image.tag for image in self.images}

    def reference(self, image: Image) -> str:
        """The name by which a task definition calls the image."""
        environment = self.config.environment
        return naming.image_reference(
            environment.project, environment.registry_account, environment.region, image.tag
        )

    def missing_in_registry(self, aws: Aws) -> frozenset[str]:
        """The references that the registry does not have."""
        environment = self.config.environment
        repository = naming.repository(environment.project)
        return frozenset(
            self.reference(image)
            for image in self.images
            if not aws.ecr.has_image(repository, image.tag, registry=environment.registry_account)
        )

    def prune(self, keep: Collection[str]) -> None:
        """Remove images of ours but this release's, those with a tag in `keep`, and the last builds of each name."""
        if self.engine is not None:
            self.engine.prune({*self.tags.values(), *keep})

    def push(self, aws: Aws, reference: str) -> None:
        """Send one image to the registry."""
        assert self.engine is not None, "images are built before they are pushed"  # noqa: S101
        user, password, _ = aws.ecr.authorization()
        self.engine.push(reference, Login(user, password))


def described(root: Path, config: Config) -> BuiltImages:
    """Return the images as the files describe them; nothing is built."""
    return BuiltImages(config, tuple(image for image in _images(root, config) if image.runs))


def build(root: Path, config: Config, reporter: Reporter, *, postgres: bool) -> BuiltImages:
    """Build what the engine does not hold; with `postgres` also the local cloud's database image.

    Raises EstaleiroError with the step that failed.
    """
    images = (*_images(root, config), *((describe_postgres(root),) if postgres else ()))
    engine = Engine()
    engine.ping()
    Builder(engine, _changes_only(reporter.tell), cache=root / ".estaleiro" / "wheels").build(images)
    built = BuiltImages(
        config, tuple(image for image in images if image.runs and image.name != "postgres"), engine
    )
    for image in built.images:
        if not engine.has_image(built.reference(image)):
            engine.tag(image, built.reference(image))
    return built


def _images(root: Path, config: Config) -> tuple[Image, ...]:
    kinds: list[tuple[str, ImageKind]] = [
        (service.name, "gateway" if service.public else "python") for service in config.services
    ]
    return describe(root, kinds, config.environment.architecture)


def _changes_only(tell: Callable[[Kind, str, str], None]) -> Callable[[Kind, str, str], None]:
    """An image that is there is no news."""

    def told(kind: Kind, step: str, text: str) -> None:
        if kind != "skipped":
            tell(kind, f"image {step}", text)

    return told
