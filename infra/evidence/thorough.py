"""The facts that `verify` adds to the fast ones: slower calls, more services, cfn-lint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from infra import naming, stacks
from infra.aws import Aws
from infra.checks.facts import CertificateFact, Facts, ImageFact, ZoneFact
from infra.checks.ground import DEFAULTS
from infra.checks.model import Unknown
from infra.checks.runtime import trusted
from infra.config import Config
from infra.docker import Engine
from infra.errors import AwsError
from infra.evidence.lint import linted
from infra.evidence.unknown import known
from infra.stacks.model import Stack


@dataclass(frozen=True)
class Wanted:
    """An image by the name that task definitions call it, and its tag."""

    name: str
    reference: str
    tag: str


def thorough(
    aws: Aws, facts: Facts, *, images: Sequence[Wanted], cache: Path, engine: Engine | None
) -> Facts:
    """Return the facts with everything that AWS, the engine and cfn-lint can say of them."""
    config = facts.config
    edge = config.environment.edge
    with ThreadPoolExecutor(max_workers=12) as pool:
        account = pool.submit(known, aws.identity.account)
        stack = pool.submit(known, lambda: _account_stack(aws, config))
        current = pool.submit(known, lambda: _account_is_current(aws, config))
        found = pool.submit(known, lambda: _images(aws, config, images, engine))
        trusts = pool.submit(known, lambda: _trusts(aws, facts))
        quotas = pool.submit(_quotas, aws)
        refusals = pool.submit(known, lambda: _refusals(aws, facts.stacks, config))
        certificate = pool.submit(known, lambda: _certificate(aws, edge.certificate_arn))
        zone = pool.submit(known, lambda: _zone(aws, edge.zone_id))
        lint = known(lambda: linted(facts.stacks, config.environment.region, cache=cache))
        return replace(
            facts,
            account=account.result(),
            account_stack=stack.result(),
            account_current=current.result(),
            images=found.result(),
            trusts=trusts.result(),
            quotas=quotas.result(),
            refusals=refusals.result(),
            certificate=certificate.result(),
            zone=zone.result(),
            lint=lint,
        )


def _account_stack(aws: Aws, config: Config) -> str | None:
    state = aws.cloudformation.stack(naming.account_stack_name(config.environment.project))
    return state.status if state else None


def _account_is_current(aws: Aws, config: Config) -> bool:
    """Whether `bootstrap` would find nothing to do. Raises NotFound where there is no such stack."""
    wanted = stacks.account(config)
    return aws.cloudformation.template(wanted.name) == wanted.template


def _images(
    aws: Aws, config: Config, images: Sequence[Wanted], engine: Engine | None
) -> tuple[ImageFact, ...]:
    environment = config.environment
    repository = naming.repository(environment.project)
    return tuple(
        ImageFact(
            name=image.tag,
            in_registry=aws.ecr.has_image(repository, image.tag, registry=environment.registry_account),
            in_engine=engine is not None and engine.has_image(image.reference),
            architecture=engine.image_architecture(image.reference) if engine else None,
        )
        for image in images
    )


def _trusts(aws: Aws, facts: Facts) -> Mapping[str, frozenset[str] | None]:
    """Who may take on each role that a deployed stack made, by the role's name."""
    templates = {stack.part: stack.template for stack in facts.stacks}
    names = sorted(
        {
            id
            for part, ids in facts.resources.items()
            for title, id in ids.items()
            if title.endswith("Role") and f'"{title}"' in templates.get(part, "")
        }
    )
    found = {name: aws.iam.role(name) for name in names}
    return {name: trusted(role.trust) if role else None for name, role in found.items()}


def _quotas(aws: Aws) -> dict[str, int]:
    """Where the account does not say, AWS's defaults hold."""
    try:
        return aws.quotas.applied("elasticloadbalancing", frozenset(DEFAULTS))
    except AwsError:
        return {}


def _refusals(aws: Aws, made: Sequence[Stack], config: Config) -> dict[str, str | None]:
    environment = config.environment
    bucket = naming.state_bucket(environment.project, environment.account, environment.region)

    def refusal(stack: Stack) -> str | None:
        try:
            aws.cloudformation.validate(stack.template, bucket=bucket)
        except AwsError as error:
            if error.code != "ValidationError":
                raise
            return str(error)
        return None

    with ThreadPoolExecutor(max_workers=4) as pool:
        return {stack.part: reason for stack, reason in zip(made, pool.map(refusal, made), strict=True)}


def _certificate(aws: Aws, arn: str | None) -> CertificateFact | Unknown | None:
    if arn is None:
        return Unknown("the edge stack makes it")
    found = aws.acm.certificate(arn)
    return CertificateFact(found.status, found.names, found.expires) if found else None


def _zone(aws: Aws, id: str | None) -> ZoneFact | Unknown | None:
    if id is None:
        return Unknown("none is configured")
    found = aws.zones.zone(id)
    return ZoneFact(found.name, found.private) if found else None
