"""Which of our images nobody needs any longer; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

IMAGE_LABEL = "estaleiro.image"


def stale_references(
    images: Collection[Mapping[str, Any]], keep: Collection[str], newest: int, *, before: float
) -> tuple[str, ...]:
    """Return the names to remove, oldest first, of images as the engine lists them; `before` is in seconds since 1970."""
    by_name: dict[str, list[tuple[float, tuple[str, ...]]]] = {}
    for image in sorted(images, key=lambda image: image["Created"]):
        # First stages of later builds inherit the label, and have no name (older engines: `<none>:<none>`).
        names = tuple(name for name in image["RepoTags"] or () if not name.startswith("<none>"))
        if names:
            by_name.setdefault(image["Labels"][IMAGE_LABEL], []).append((image["Created"], names))
    old = (
        names
        for same in by_name.values()
        for created, names in same[: max(0, len(same) - newest)]
        if created < before
    )
    return tuple(name for names in old for name in names if name.rpartition(":")[2] not in keep)
