"""`graph`: the environment as its files describe it, with the state of what is deployed where that can be read."""

from __future__ import annotations

from pathlib import Path

from infra import stacks
from infra.commands.context import new_reporter, open_context
from infra.commands.images import described
from infra.config import Config
from infra.errors import ConfigurationError, EstaleiroError
from infra.pages.picture import picture as svg
from infra.pages.picture import picture_page
from infra.snapshot import environment_stacks
from infra.topology import Topology, topology

PICTURES = {".svg": svg, ".html": picture_page}


def drawn(root: Path, config: Config) -> Topology:
    """Return the environment's topology. Without credentials or a local cloud it is the files' alone, and says so."""
    made = stacks.environment(config, described(root, config).tags)
    try:
        context = open_context(root, config, new_reporter(lambda event: None))
        found = environment_stacks(context.aws, config)
    except EstaleiroError as error:
        return topology(config, made, None, note=f"as the files say; what is deployed is not known: {error}")
    return topology(config, made, {part: stack.status for part, stack in found.items()})


def picture(found: Topology, kind: str) -> str:
    """Return the picture in the format that a file's suffix names. Raises ConfigurationError for any other."""
    if kind not in PICTURES:
        raise ConfigurationError(
            f"--picture: should end in {' or '.join(PICTURES)} (ends in {kind or 'nothing'!r})"
        )
    return PICTURES[kind](found)
