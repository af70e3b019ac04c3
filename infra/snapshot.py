"""What is there: reads AWS into an Actual. It changes nothing that runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from infra import naming
from infra.aws import Aws
from infra.aws.cloudformation import StackState
from infra.config import Config
from infra.errors import EstaleiroError
from infra.fleet.images import chosen
from infra.stacks.model import Resolved, Stack
from infra.steps import Actual, Deployed


def snapshot(
    aws: Aws, config: Config, stacks: Sequence[Stack], *, missing_images: Iterable[str] = ()
) -> Actual:
    """Read the environment's stacks and everything that a parameter of `stacks` has to be looked up for."""
    deployed = environment_stacks(aws, config)
    wanted = {
        value.what for stack in stacks for value in stack.parameters.values() if isinstance(value, Resolved)
    }
    return Actual(deployed, _resolved(aws, config, wanted, deployed), frozenset(missing_images))


def environment_stacks(aws: Aws, config: Config) -> dict[str, Deployed]:
    """Return the environment's stacks by part; what is ours is decided by exact tags, never by a name's beginning."""
    environment = config.environment
    owner, part = naming.environment_tag(environment.project), naming.part_tag(environment.project)
    states = [
        state
        for state in aws.cloudformation.stacks(f"{environment.project}-{environment.name}-").values()
        if state.tags.get(owner) == environment.name and part in state.tags
    ]
    with ThreadPoolExecutor(max_workers=8) as pool:
        templates = pool.map(lambda state: _template(aws, state), states)
        return {
            state.tags[part]: Deployed(
                part=state.tags[part],
                name=state.name,
                status=state.status,
                template=template,
                parameters=state.parameters,
                outputs=state.outputs,
                tags=state.tags,
            )
            for state, template in zip(states, templates, strict=True)
        }


def _template(aws: Aws, state: StackState) -> str:
    return "" if state.status == "REVIEW_IN_PROGRESS" else aws.cloudformation.template(state.name)


def _resolved(aws: Aws, config: Config, wanted: set[str], deployed: Mapping[str, Deployed]) -> dict[str, str]:
    values = {}
    for what in sorted(wanted):
        if what != "host-image":
            raise EstaleiroError(f"no rule says how to look up {what!r}; this is a bug in the templates")
        values[what] = chosen(aws, config.environment, deployed)
    return values
