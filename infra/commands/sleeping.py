"""`sleep` and `wake`: what costs money is brought to zero and back; data and stacks stay."""

from __future__ import annotations

from infra.commands.context import Context
from infra.commands.locking import lock
from infra.errors import EstaleiroError, Refused
from infra.report import amount
from infra.rest import Rest, Sleeper, read
from infra.snapshot import environment_stacks


def sleep(context: Context) -> str:
    """Put the environment to rest; return what was done. Raises Refused where it is protected, Locked."""
    environment = context.config.environment
    if environment.protected:
        raise Refused(f"{environment.name} is protected (protected = true in its file), so it does not sleep")
    with lock(context, f"sleep {environment.name}").held():
        stacks = environment_stacks(context.aws, context.config)
        if not stacks:
            raise EstaleiroError(f"{environment.name}: nothing is deployed that could sleep")
        names = [stack.name for stack in stacks.values()]
        resources = [one for name in names for one in context.aws.cloudformation.resources(name)]
        rest = sleeper(context).put_to_sleep(resources)
    return f"{environment.name} sleeps: {_moved(rest)} at zero, {amount(len(rest.databases), 'database')} stopped"


def wake(context: Context) -> str:
    """Bring the environment back as it was; return what was done. Raises EstaleiroError, Locked."""
    name = context.config.environment.name
    with lock(context, f"wake {name}").held():
        return wake_under_lock(context) or f"{name} is awake already"


def wake_under_lock(context: Context) -> str | None:
    """The same for a command that holds the lock, as `deploy` does: it wakes first. None where nothing slept."""
    rest = sleeper(context).wake()
    if rest is None:
        return None
    return (
        f"{context.config.environment.name} is awake: {amount(len(rest.databases), 'database')} started, "
        f"{_moved(rest)} as before"
    )


def _moved(rest: Rest) -> str:
    return f"{amount(len(rest.services), 'service')} and {amount(len(rest.groups), 'group of hosts')}"


def refuse_asleep(context: Context, what: str) -> None:
    """Raise Refused where the environment sleeps: `what` needs hosts or a database, and would only wait for them."""
    name = context.config.environment.name
    rest = read(context.bucket, name)
    if rest is not None and rest.asleep:
        raise Refused(
            f"{name} sleeps, so {what}; wake it first: ./deploy.py wake {name}. Nothing was changed"
        )


def stop_again(context: Context) -> tuple[str, ...]:
    """Stop what AWS started of a sleeping environment; return the databases that were running."""
    with lock(context, f"sleep {context.config.environment.name}").held():
        rest = read(context.bucket, context.config.environment.name)
        return sleeper(context).stop_databases(rest) if rest is not None and rest.asleep else ()


def sleeper(context: Context) -> Sleeper:
    """Return what puts this environment to rest."""
    return Sleeper(context.aws, context.bucket, context.config.environment.name, context.reporter)
