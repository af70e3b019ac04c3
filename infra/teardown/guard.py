"""Who may not be torn down; decided before anything is asked or changed. Pure."""

from __future__ import annotations

from collections.abc import Collection

from infra.config import Config
from infra.errors import Refused


def refuse_protected(config: Config) -> None:
    """Raise Refused for an environment that its file protects."""
    name = config.environment.name
    if config.environment.protected:
        raise Refused(
            f"{name} is protected (protected = true in its file), so it is not torn down; lift the protection there "
            "first, then type the name when asked. Nothing was changed"
        )


def refuse_disguise(name: str, like: str | None, files: Collection[str]) -> None:
    """Raise Refused where an environment with a file of its own is to be taken for one like another."""
    if like is not None and like != name and name in files:
        raise Refused(
            f"{name} has a file of its own, so it is not like {like}; --like is for preview environments. "
            "Nothing was changed"
        )
