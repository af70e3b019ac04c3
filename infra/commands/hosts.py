"""`hosts ENV …`: look at the hosts, work on them over SSH, and replace them; what may be done to one, and how."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra import ssh
from infra.commands.context import Context
from infra.commands.locking import lock
from infra.errors import ConfigurationError, EstaleiroError
from infra.fleet import images as host_images
from infra.fleet.checks import findings, script
from infra.fleet.hosts import FleetHost, Place, fleet, host_value, place
from infra.fleet.replacement import Patience, Replacement
from infra.ssh import Answer, Remote


@dataclass(frozen=True)
class Login:
    """How to get in: a private key other than ssh's own, as whom, and how many seconds a command may take."""

    key: Path | None = None
    seconds: float | None = None
    user: str = ssh.USER


def listed(context: Context) -> dict[str, Any]:
    """Return the hosts as a JSON value, with a warning where their image is old."""
    where, now = _place(context), datetime.now(UTC)
    hosts = fleet(context.aws, where)
    images = sorted({host.machine.image for host in hosts if host.machine})
    found = (host_images.warning(context.aws, context.config.environment, image, now) for image in images)
    return {
        "environment": context.config.environment.name,
        "hosts": [host_value(host, now) for host in hosts],
        "warnings": [text for text in found if text],
    }


def run(
    context: Context, names: Sequence[str], command: str, login: Login, *, told: ssh.Told
) -> tuple[Answer, ...]:
    """Run a command on the hosts named, on all for none, at once. Raises EstaleiroError where none can be reached."""
    return ssh.run_on(_remotes(context, names, login), command, seconds=login.seconds, told=told)


def open_terminal(context: Context, name: str, command: Sequence[str], login: Login) -> int:
    """Open a terminal on a host; return the exit code of what ran there."""
    (remote,) = _remotes(context, [name], login)
    return log_in(context, remote, shlex.join(command))


def log_in(context: Context, remote: Remote, command: str, *, options: Sequence[str] = ()) -> int:
    """Hand this terminal to `ssh` on a host, with a line for the host's shell or none; return its exit code."""
    known = context.root / ".estaleiro" / "known_hosts"
    known.parent.mkdir(exist_ok=True)
    words = ssh.login_words(remote, [command] if command else [], known=known, more=options)
    try:
        return subprocess.call(words)
    except FileNotFoundError:
        raise EstaleiroError("there is no ssh on this machine: install OpenSSH's client") from None


def doctor(context: Context, names: Sequence[str], login: Login) -> dict[str, Any]:
    """Return what every check found on every host, as a JSON value."""
    hosts = {host.instance: host for host in _chosen(context, names)}
    answers = ssh.run_on(_remotes(context, list(hosts), login), script(), seconds=login.seconds or 120)
    return {
        "environment": context.config.environment.name,
        "hosts": [
            {"instance": name, "checks": _examined(hosts[name], answer)}
            for name, answer in zip(hosts, answers, strict=True)
        ],
    }


def drain(context: Context, names: Sequence[str]) -> list[str]:
    """Empty the hosts named, one after the other, and leave them so; return them."""
    if not names:
        raise ConfigurationError("hosts drain: name the hosts to empty; `hosts list` shows them")
    return _locked(context, "drain", lambda work: [_drained(work, name) for name in names])


def replace(context: Context, names: Sequence[str]) -> list[str]:
    """Replace the hosts named, all for none, one after the other; return the new ones."""
    chosen = [host.instance for host in _chosen(context, names)]
    return _locked(context, "replace", lambda work: list(work.replace(chosen)))


def _drained(work: Replacement, name: str) -> str:
    work.drain(name)
    return name


def _locked(context: Context, what: str, work: Callable[[Replacement], list[str]]) -> list[str]:
    deploy, name = context.config.environment.deploy, context.config.environment.name
    made = Replacement(
        context.aws,
        _place(context),
        patience=Patience(drain=deploy.service_seconds, connect=deploy.hosts_ready_seconds),
        told=lambda instance, text: context.reporter.tell("started", instance, text),
    )
    with lock(context, f"hosts {name} {what}").held():
        return work(made)


def _place(context: Context) -> Place:
    return place(context.config, context.outputs())


def _chosen(context: Context, names: Sequence[str]) -> list[FleetHost]:
    hosts = {host.instance: host for host in fleet(context.aws, _place(context))}
    strangers = [name for name in names if name not in hosts]
    if strangers:
        known = ", ".join(hosts) or "there are none"
        raise EstaleiroError(f"{', '.join(strangers)}: no such host; {known}")
    if not hosts:
        raise EstaleiroError(f"{context.config.environment.name} has no hosts now; a waiting task brings one")
    return [hosts[name] for name in names] if names else list(hosts.values())


def _remotes(context: Context, names: Sequence[str], login: Login) -> list[Remote]:
    hosts = _chosen(context, names)
    if context.cloud is not None:
        raise EstaleiroError(
            "the local cloud's hosts are simulated by one Docker engine: there is no machine to log in to"
        )
    region = context.config.environment.region
    return [ssh.instance(host.instance, region, user=login.user, key=login.key) for host in hosts]


def _examined(host: FleetHost, answer: Answer) -> list[dict[str, Any]]:
    """What ECS says comes first: a host can look well and not be in its cluster."""
    known = (
        "connected"
        if host.works
        else "not registered"
        if host.ecs is None
        else f"{host.ecs.status}, not connected"
    )
    joined = {
        "check": "in the cluster",
        "well": host.works,
        "said": known,
        "mend": "look at `agent` and `agent answers` below; `hosts ENV replace HOST` makes a new one",
    }
    if answer.failure:
        way = "the agent's host may be gone or its network shut; `hosts ENV list` shows it, `replace` makes a new one"
        return [joined, {"check": "ssh", "well": False, "said": answer.failure, "mend": way}]
    return [joined] + [
        {"check": one.name, "well": one.well, "said": one.said, "mend": one.mend}
        for one in findings(answer.out)
    ]
