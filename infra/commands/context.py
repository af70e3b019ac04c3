"""What every command needs, made once: configuration, the wall to AWS, the engine, and somebody to tell."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from infra import naming
from infra.aws import Aws, connect
from infra.aws.s3 import Bucket
from infra.config import Config
from infra.errors import ConfigurationError, EstaleiroError, Refused
from infra.events import Event, Reporter
from infra.images import postgres_reference
from infra.local import process as local
from infra.local import settings as kept_settings
from infra.local.errors import PortInUse
from infra.local.settings import Settings
from infra.setup import ensure_engine_and_reexec
from infra.snapshot import environment_stacks

LOCAL = "local"
# Environment variables that choose the local cloud's ports.
API_PORT, EDGE_PORT = "ESTALEIRO_API_PORT", "ESTALEIRO_EDGE_PORT"


@dataclass(frozen=True)
class Context:
    """One command's surroundings. `cloud` is None when real AWS (or an endpoint of the user's own) answers."""

    root: Path
    config: Config
    aws: Aws
    reporter: Reporter
    cloud: Settings | None

    @property
    def bucket(self) -> Bucket:
        """The state bucket of the environment's account."""
        environment = self.config.environment
        return self.aws.s3.bucket(
            naming.state_bucket(environment.project, environment.account, environment.region)
        )

    def outputs(self) -> dict[str, Mapping[str, str]]:
        """The outputs of the environment's stacks by part."""
        return {part: stack.outputs for part, stack in environment_stacks(self.aws, self.config).items()}

    def edge_url(self, outputs: Mapping[str, Mapping[str, str]]) -> str:
        """Where a person reaches the gateway. Raises EstaleiroError when there is no edge yet."""
        if self.cloud is not None:
            return f"http://localhost:{self.cloud.edge_port}"
        try:
            return outputs["edge"]["Url"]
        except KeyError:
            name = self.config.environment.name
            raise EstaleiroError(f"{name} has no edge yet; run `./deploy.py deploy {name}` first") from None


def new_reporter(consume: Callable[[Event], None]) -> Reporter:
    """Return a reporter whose clock starts now."""
    return Reporter(consume, time.monotonic)


def uses_local_cloud(config: Config) -> bool:
    """Whether this machine is the target; an endpoint that the user set is honoured instead."""
    return config.environment.name == LOCAL and not os.environ.get("AWS_ENDPOINT_URL")


def is_new_here(root: Path, config: Config) -> bool:
    """Whether this machine is the target and holds no cloud yet, neither running nor at rest."""
    return uses_local_cloud(config) and not local_settings(root, config).state.exists()


def open_context(root: Path, config: Config, reporter: Reporter) -> Context:
    """Connect to the environment's AWS, or to the local cloud, started again where it was deployed before.

    Raises EstaleiroError, and Refused for the wrong account.
    """
    environment = config.environment
    if is_new_here(root, config):
        raise EstaleiroError("nothing is deployed on this machine; run `make deploy` first")
    if uses_local_cloud(config):
        return open_local(root, config, reporter)
    aws = connect(environment.region, endpoint_url=os.environ.get("AWS_ENDPOINT_URL"))
    _guard_account(aws, config)
    return Context(root, config, aws, reporter, None)


def open_local(root: Path, config: Config, reporter: Reporter) -> Context:
    """Start this machine's cloud for the environment, new or not, and connect to it."""
    environment = config.environment
    ensure_engine_and_reexec(sys.argv)
    cloud = local_settings(root, config)
    _start(cloud, reporter)
    aws = connect(environment.region, endpoint_url=cloud.endpoint_url, environ=local_credentials())
    return Context(root, config, aws, reporter, cloud)


def _start(cloud: Settings, reporter: Reporter) -> None:
    try:
        if local.running(cloud) is None:
            reporter.tell("started", "local cloud")
            local.ensure(cloud)
            reporter.tell("done", "local cloud", f"answers on {cloud.endpoint_url}")
    except PortInUse as error:
        raise EstaleiroError(f"{error} ({API_PORT} and {EDGE_PORT} choose the ports)") from error


def local_settings(root: Path, config: Config) -> Settings:
    """This clone's local cloud for the environment, on the ports it had before.

    Any other environment than `local` is a rehearsal, in a cloud of its own. Names tell clones on one machine apart.
    """
    own = hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:6]
    environment, edge = config.environment, config.environment.edge
    rehearsal = environment.name != LOCAL
    state = root / ".estaleiro" / (f"rehearsal-{environment.name}" if rehearsal else LOCAL)
    before = kept_settings.read(state / "settings.json") if (state / "settings.json").exists() else None
    return Settings(
        name=f"{environment.project}-{'rehearsal-' if rehearsal else ''}{environment.name}-{own}",
        state=state,
        postgres_image=postgres_reference(root),
        api_port=_port(API_PORT, before.api_port if before else 4567 if rehearsal else 4566),
        edge_port=_port(EDGE_PORT, before.edge_port if before else 8081 if rehearsal else 8080),
        region=environment.region,
        account=environment.account,
        zones=((edge.zone_id, _registrable(environment.domain)),)
        if edge.zone_id and environment.domain
        else (),
    )


def _registrable(domain: str) -> str:
    """The zone that a domain is in: its last two labels."""
    return ".".join(domain.split(".")[-2:])


def local_credentials() -> dict[str, str]:
    """The local cloud takes any credentials; these cannot be mistaken for real ones."""
    return {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise ConfigurationError(f"{variable} should be a port number from 1 to 65535 (is {text!r})")
    return int(text)


def _guard_account(aws: Aws, config: Config) -> None:
    account = aws.identity.account()
    wanted = config.environment.account
    if account != wanted:
        raise Refused(
            f"{config.environment.name} belongs to account {wanted}, but the credentials are those of {account}; "
            "use a profile of the right account"
        )
