"""The images of a release by digest, as the place has them from which its tasks take them."""

from __future__ import annotations

from collections.abc import Mapping

from infra import naming
from infra.commands.context import Context
from infra.docker import Engine
from infra.errors import EstaleiroError


def digests(context: Context, tags: Mapping[str, str]) -> dict[str, str]:
    """Return the digest of each image by its name: the registry's, or on this machine the engine's.

    What is not there, or cannot be asked, is left out: a record that lacks it is better than none.
    """
    try:
        found = {name: _digest(context, tag) for name, tag in tags.items()}
    except EstaleiroError:
        return {}
    return {name: digest for name, digest in found.items() if digest}


def _digest(context: Context, tag: str) -> str | None:
    environment = context.config.environment
    account = environment.registry_account
    if context.cloud is not None:
        return Engine().digest(naming.image_reference(environment.project, account, environment.region, tag))
    image = context.aws.ecr.image(naming.repository(environment.project), tag, registry=account)
    return None if image is None else image.digest
