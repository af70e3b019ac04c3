"""`reap ENV --schedule` and `--unschedule`: the stack that runs `reap --yes` by itself, once an account and region."""

from __future__ import annotations

from infra import naming, stacks
from infra.building.builder import Builder
from infra.commands.bootstrap import apply, ensure_account
from infra.commands.context import Context
from infra.commands.images import BuiltImages
from infra.commands.lifetimes import protected_names
from infra.docker import Engine
from infra.errors import Refused
from infra.reaper_image import NAME, describe_reaper
from infra.stacks.model import Stack


def schedule(context: Context) -> bool:
    """Build and push the image, then make or update the stack; say whether anything changed.

    Raises EstaleiroError, and Refused on the local cloud, whose process ends with the machine.
    """
    _refuse_local(context)
    ensure_account(context)
    *bases, image = describe_reaper(context.root, context.config.environment.architecture)
    reference = BuiltImages(context.config, (image,)).reference(image)
    if BuiltImages(context.config, (image,)).missing_in_registry(context.aws):
        engine = Engine()
        engine.ping()
        cache = context.root / ".estaleiro" / "wheels"
        Builder(engine, context.reporter.tell, cache=cache).build((*bases, image))
        engine.tag(image, reference)
        context.reporter.tell("started", NAME, f"push {reference}")
        BuiltImages(context.config, (image,), engine).push(context.aws, reference)
    return install(context, reference)


def install(context: Context, image: str) -> bool:
    """Make or update the stack that runs an image which the registry has; the image that it ran before goes."""
    stack = stacks.reaper(context.config, image, protected=protected_names(context))
    before = _image(context, stack)
    changed = apply(context, stack)
    if before and before != image:
        _delete_image(context, before)
    return changed


def unschedule(context: Context) -> bool:
    """Delete the stack and its image; say whether there was one."""
    _refuse_local(context)
    name = naming.reaper_stack_name(context.config.environment.project)
    cloudformation = context.aws.cloudformation
    state = cloudformation.stack(name)
    if state is None:
        return False
    cloudformation.set_protection(name, False)
    cloudformation.delete_stack(name)
    cloudformation.wait(name, deadline_seconds=context.config.environment.deploy.stack_seconds)
    image = state.parameters.get("Image")
    if image:
        _delete_image(context, image)
    return True


def _image(context: Context, stack: Stack) -> str | None:
    state = context.aws.cloudformation.stack(stack.name)
    return state.parameters.get("Image") if state is not None else None


def _delete_image(context: Context, reference: str) -> None:
    """Only out of this account's own repository: another account's holds what other accounts run as well."""
    environment = context.config.environment
    if environment.registry_account == environment.account:
        tag = reference.rpartition(":")[2]
        context.aws.ecr.delete_images(naming.repository(environment.project), [tag])


def _refuse_local(context: Context) -> None:
    if context.cloud is not None:
        raise Refused(
            "the local cloud runs no schedules; `./deploy.py reap local --yes` ends what is due on it"
        )
