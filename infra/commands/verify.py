"""`verify`: every check, named, with the fix; nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from infra import stacks
from infra.checks import ALL, Check, Unknown, check
from infra.checks.facts import NOT_DEPLOYED, Facts
from infra.checks.ground import account
from infra.checks.model import fail
from infra.commands import migration_gate, preflight
from infra.commands.context import (
    Context,
    is_new_here,
    local_settings,
    new_reporter,
    open_context,
    uses_local_cloud,
)
from infra.commands.deploy import prepare
from infra.commands.images import BuiltImages, described
from infra.config import Config
from infra.docker import Engine
from infra.errors import EstaleiroError
from infra.events import Event
from infra.evidence import thorough
from infra.evidence.fast import migrations
from infra.evidence.lint import linted
from infra.evidence.machine import machine
from infra.evidence.thorough import Wanted
from infra.evidence.unknown import known

# What can be told without asking AWS who we are.
FILES = tuple(rule for rule in ALL if rule is not account)


def verify(root: Path, config: Config, consume: Callable[[Event], None]) -> tuple[Check, ...]:
    """Return the result of every check. Raises EstaleiroError where AWS could not even be asked."""
    images = described(root, config)
    here = machine(local_settings(root, config)) if uses_local_cloud(config) else None
    bare = Facts(config, stacks.environment(config, images.tags), machine=here)
    if is_new_here(root, config):
        return check(_undeployed(root, bare, NOT_DEPLOYED), FILES)
    try:
        context = open_context(root, config, new_reporter(consume))
    except EstaleiroError as error:
        fix = f"use credentials of account {config.environment.account}, or mend what the reason names"
        told = fail("account", "credentials", str(error), fix)
        if here is not None:
            told = fail("machine", "local cloud", str(error), "mend what the reason names")
        return (told, *check(_undeployed(root, bare, Unknown("AWS could not be asked")), FILES))
    return check(_deployed(context, images, bare), ALL)


def _deployed(context: Context, images: BuiltImages, bare: Facts) -> Facts:
    prepared = prepare(context, images)
    facts = preflight.facts(context, prepared.desired, prepared.actual, prepared.plan)
    wanted = [Wanted(image.name, images.reference(image), image.tag) for image in images.images]
    engine = known(Engine)
    found = thorough(
        context.aws,
        facts,
        images=wanted,
        cache=_cache(context.root),
        engine=None if isinstance(engine, Unknown) else engine,
    )
    judged = known(lambda: migration_gate.look(context, prepared.plan).findings)
    # On this machine every deploy bootstraps anew where that is needed.
    current = found.account_current if context.cloud is None else True
    return replace(found, machine=bare.machine, revisions=judged, account_current=current)


def _undeployed(root: Path, bare: Facts, why: Unknown) -> Facts:
    """What can be told of the files alone."""
    region = bare.config.environment.region
    return replace(
        bare,
        actual=why,
        plan=why,
        images=why,
        secrets=why,
        log_groups=why,
        databases=why,
        refusals=why,
        revisions=Unknown("an empty database cannot be disturbed") if why is NOT_DEPLOYED else why,
        lint=known(lambda: linted(bare.stacks, region, cache=_cache(root))),
        migrations=migrations(bare.config, root, {}),
    )


def _cache(root: Path) -> Path:
    return root / ".estaleiro" / "lint"
