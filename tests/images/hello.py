"""The service `hello`, whose images the tests build, and the builder they do it with."""

from dataclasses import dataclass
from pathlib import Path

from infra.building.builder import Builder
from infra.docker import Engine
from infra.images import Image, local_reference

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = "https://example.org/estaleiro"


@dataclass(frozen=True)
class Built:
    """The images by name, what the builder told, and the repository that they were made from."""

    root: Path
    images: dict[str, Image]
    told: list[tuple[str, str, str]]

    def reference(self, name: str) -> str:
        return local_reference(self.images[name].tag)


def builder(engine: Engine, told: list[tuple[str, str, str]]) -> Builder:
    return Builder(engine, lambda *event: told.append(event), ROOT / ".estaleiro" / "wheels", SOURCE)
