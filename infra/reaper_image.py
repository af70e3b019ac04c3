"""The image that the reaper's task runs: this tool, with what the files say of every environment. Reads the tree alone."""

from __future__ import annotations

from pathlib import Path

from infra.images import Architecture, Image, context_files, describe

NAME = "reaper"


def describe_reaper(root: Path, architecture: Architecture) -> tuple[Image, ...]:
    """Return the image and what it is made from, each after that. Another file of an environment is another tag."""
    build, base, *_ = describe(root, (), architecture)
    folder = root / "images" / NAME
    manifests = (
        file
        for file in context_files(root / "services", "app/services")
        if file.path.endswith("/service.toml")
    )
    reaper = Image(
        name=NAME,
        files=(*context_files(folder), *context_files(root / "infra", "app/infra"), *manifests),
        bases=(("BUILD", build.tag), ("BASE", base.tag)),
        architecture=architecture,
        requirements=(folder / "requirements.lock").read_bytes(),
    )
    return build, base, reaper
