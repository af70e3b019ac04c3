"""`bootstrap`: the account stack, once an account and region; automatic on the local cloud, only verified elsewhere."""

from __future__ import annotations

from infra import stacks
from infra.commands.context import Context
from infra.config import environment_names, load
from infra.errors import EstaleiroError
from infra.stacks.model import Resolved, Stack


def bootstrap(context: Context) -> bool:
    """Make or update the account stack; return whether anything changed."""
    stack = stacks.account(context.config)
    state = context.aws.cloudformation.stack(stack.name)
    if (
        state is not None
        and state.status != "ROLLBACK_COMPLETE"
        and context.aws.cloudformation.template(stack.name) == stack.template
    ):
        return False
    apply(context, stack)
    return True


def apply(context: Context, stack: Stack) -> bool:
    """Bring a stack of the account's own to its template; what a failed create left goes first. Say if it changed."""
    cloudformation = context.aws.cloudformation
    state = cloudformation.stack(stack.name)
    if state is not None and state.status == "ROLLBACK_COMPLETE":
        cloudformation.delete_stack(stack.name)
        _wait(context, stack)
        state = None
    context.reporter.tell("started", stack.part)
    change_set = cloudformation.create_change_set(
        stack.name,
        template=stack.template,
        parameters=_values(context, stack),
        tags=stack.tags,
        kind="CREATE" if state is None else "UPDATE",
    )
    if not change_set.empty:
        cloudformation.execute_change_set(change_set)
        _wait(context, stack)
    cloudformation.set_protection(stack.name, stack.protected)
    context.reporter.tell("done", stack.part)
    return not change_set.empty


def ensure_account(context: Context) -> None:
    """Make the account stack on the local cloud; elsewhere raise EstaleiroError when it is missing."""
    if context.cloud is not None:
        bootstrap(context)
        return
    name = stacks.account(context.config).name
    state = context.aws.cloudformation.stack(name)
    if state is None or not state.status.endswith("_COMPLETE"):
        environment = context.config.environment
        raise EstaleiroError(
            f"account {environment.account} has no stack {name} in {environment.region}; "
            f"run `./deploy.py bootstrap {environment.name}` once"
        )


def _values(context: Context, stack: Stack) -> dict[str, str]:
    return {
        key: _resolved(context, value) if isinstance(value, Resolved) else str(value)
        for key, value in stack.parameters.items()
    }


def _resolved(context: Context, value: Resolved) -> str:
    what, _, detail = value.what.partition(":")
    if what == "service-linked-role-missing":
        return "false" if context.aws.iam.service_linked_role_exists(detail) else "true"
    if what == "oidc-provider":
        return next((arn for arn in context.aws.iam.oidc_providers() if arn.endswith(f"/{detail}")), "")
    if what == "github-repository":
        return context.config.environment.ci.github_repository or ""
    if what == "pulling-accounts":
        return ",".join(_pulling_accounts(context))
    raise EstaleiroError(f"no rule says how to look up {value.what!r}; this is a bug in the templates")


def _pulling_accounts(context: Context) -> list[str]:
    """The accounts of the other environments whose images this account's repository holds."""
    own = context.config.environment.account
    others = (load(context.root, name).environment for name in environment_names(context.root))
    return sorted({other.account for other in others if other.registry_account == own} - {own})


def _wait(context: Context, stack: Stack) -> None:
    context.aws.cloudformation.wait(
        stack.name,
        deadline_seconds=context.config.environment.deploy.stack_seconds,
        on_event=lambda event: context.reporter.tell(
            "progress", stack.part, event.status, about=event.logical_id
        ),
    )
