"""A Docker engine that answers: found, or installed and started, with the right to use it."""

from __future__ import annotations

import grp
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from infra.setup.machine import (
    CannotContinue,
    announced,
    apt_install,
    as_root,
    is_debian,
    last_words,
    require_space,
    say,
)
from infra.setup.ping import Answer, ping, ping_as_root
from infra.who import user as login

DEFAULT_HOST = "unix:///var/run/docker.sock"
PACKAGES = ("docker.io", "iptables")
GROUP = "docker"
LOG = Path("/var/log/dockerd.log")
# Images, their layers and the builder's intermediate ones.
_GIGABYTES = 3
_LOWEST_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_DNS_PORT = 53


class Way(NamedTuple):
    """How to start the engine: a name for people, the command, and the seconds it is given until the engine answers."""

    name: str
    command: Sequence[str]
    seconds: float
    log: Path | None = None


class Clock(NamedTuple):
    """Time in seconds, and a way to let it pass."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


_CLOCK = Clock(time.monotonic, time.sleep)
_GIVEN_UP = "failed to start daemon"


def ensure_engine_and_reexec(argv: Sequence[str]) -> None:
    """See to it that an engine answers and return, or start `argv` (`sys.argv`) again with the group that may use it.

    Exits 1 with one sentence where no engine can be had.
    """
    try:
        ensure_engine()
    except CannotContinue as problem:
        say(str(problem))
        sys.exit(1)
    words = with_group([sys.executable, *argv])
    if words is not None:
        os.execvp(words[0], words)  # noqa: S606


def ensure_engine() -> None:
    """Return when an engine answers; raise CannotContinue, with what to do, where none can be had."""
    host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
    answer = _ask(host)
    if answer is Answer.SILENT:
        _require_ours(host)
        _install()
        answer = start(ways(), lambda: _ask(DEFAULT_HOST))
    if answer is Answer.FORBIDDEN:
        _join_group(host)
    _allow_low_ports()


def with_group(command: Sequence[str]) -> list[str] | None:
    """Return the command as it must be started to reach the engine, or None where this process reaches it already.

    A login that joined the group a moment ago has it only in programs started by `sg`.
    """
    if ping(os.environ.get("DOCKER_HOST") or DEFAULT_HOST) is not Answer.FORBIDDEN:
        return None
    return ["sg", GROUP, "-c", " ".join(shlex.quote(word) for word in command)]


def ways() -> list[Way]:
    """Return the ways to start the engine on this machine, the usual one first."""
    found: list[Way] = []
    if Path("/run/systemd/system").is_dir():
        found.append(Way("systemctl start docker", ["systemctl", "start", "docker"], 60))
    if shutil.which("service") and Path("/etc/init.d/docker").exists():
        found.append(Way("service docker start", ["service", "docker", "start"], 10))
    # `service` may fail where raising limits is not allowed; the daemon itself starts.
    detached = f"exec setsid nohup dockerd > {shlex.quote(str(LOG))} 2>&1 < /dev/null &"
    found.append(Way(f"dockerd, with its log in {LOG}", ["sh", "-c", detached], 60, LOG))
    return found


def start(ways: Sequence[Way], ask: Callable[[], Answer], clock: Clock = _CLOCK) -> Answer:
    """Try each way until the engine answers; raise CannotContinue when none helps."""
    answer = ask()
    words = ""
    for way in ways:
        if answer is not Answer.SILENT:  # installing the package may have started it
            break
        with announced(f"Starting the Docker engine: {way.name}"):
            code, words = _call(way.command)
            answer = _wait(ask, way if code == 0 else way._replace(seconds=1), clock)
        if answer is Answer.SILENT:
            words = _log_words(way.log) or words
            say("  it does not answer" + (f": {words}" if words else ""))
    if answer is Answer.SILENT:
        raise CannotContinue("the Docker engine does not start: " + (words or "it does not say why"))
    return answer


def _call(command: Sequence[str]) -> tuple[int, str]:
    done = subprocess.run(
        as_root(command) or command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, last_words(done.stdout)


def _ask(host: str) -> Answer:
    """Ping; a socket that is closed to this login says nothing of the engine behind it, so root asks."""
    answer = ping(host)
    if answer is Answer.FORBIDDEN and as_root([]) is not None and ping_as_root(host) is Answer.SILENT:
        return Answer.SILENT
    return answer


def _wait(ask: Callable[[], Answer], way: Way, clock: Clock) -> Answer:
    """Ask until there is an answer, the way's seconds are over, or its log says that it has given up."""
    deadline = clock.now() + way.seconds
    answer = ask()
    while answer is Answer.SILENT and clock.now() < deadline and _GIVEN_UP not in _log_words(way.log):
        clock.sleep(0.2)
        answer = ask()
    return answer


def _require_ours(host: str) -> None:
    """Only the default engine is ours to install."""
    if host != DEFAULT_HOST:
        raise CannotContinue(
            f"the Docker engine at DOCKER_HOST={host} does not answer: start it, or unset DOCKER_HOST"
        )
    other = _other_socket()
    if other is not None:
        raise CannotContinue(
            f"a Docker engine answers at {other}, not at the default: export DOCKER_HOST=unix://{other}"
        )
    if not is_debian() or as_root([]) is None:
        raise CannotContinue(
            "no Docker engine answers and it cannot be installed from here: install Docker "
            "(https://docs.docker.com/engine/install/) and start it, or be root or have sudo on Debian or Ubuntu"
        )


def _other_socket() -> str | None:
    """Return the socket of a rootless engine, Docker Desktop or Podman, which programs must be pointed at."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    home = str(Path.home())
    candidates = (
        runtime + "/docker.sock",
        home + "/.docker/run/docker.sock",
        runtime + "/podman/podman.sock",
    )
    return next((path for path in candidates if ping("unix://" + path) is Answer.READY), None)


def _install() -> None:
    require_space(Path("/var/lib/docker"), _GIGABYTES, "the Docker engine with its images")
    if not _has_dockerd():
        apt_install(PACKAGES, "the Docker engine")


def _has_dockerd() -> bool:
    return (
        shutil.which("dockerd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")
        is not None
    )


def _join_group(host: str) -> None:
    """Let this login use the engine; a program needs `with_group` until the next login."""
    user = login()
    try:
        members = grp.getgrnam(GROUP).gr_mem
    except KeyError:
        members = []
    if user in members and shutil.which("sg"):
        return
    command = as_root(["usermod", "-aG", GROUP, user])
    if host != DEFAULT_HOST or command is None or shutil.which("sg") is None:
        raise CannotContinue(
            f"{user} may not use the Docker engine: run `usermod -aG docker {user}` as root and log in again"
        )
    say(
        "Adding {} to the group {}, which may use the Docker engine: {}".format(
            user, GROUP, " ".join(command)
        )
    )
    subprocess.run(command, check=True)


def _allow_low_ports() -> None:
    """The local cloud answers on ports 53 and 80 of its Docker network; other than root may not, by default."""
    if os.geteuid() == 0 or not _LOWEST_PORT.exists() or int(_LOWEST_PORT.read_text()) <= _DNS_PORT:
        return
    command = as_root(["sysctl", "-q", "-w", f"net.ipv4.ip_unprivileged_port_start={_DNS_PORT}"])
    if command is None:
        raise CannotContinue(
            "ports 53 and 80 are for root alone here, and the local cloud needs them on its Docker network: "
            "run `sysctl -w net.ipv4.ip_unprivileged_port_start=53` as root"
        )
    say("Letting programs of every user listen on ports from {} on: {}".format(_DNS_PORT, " ".join(command)))
    subprocess.run(command, check=True)


def _log_words(log: Path | None) -> str:
    try:
        return last_words(log.read_text(errors="replace")[-4000:]) if log else ""
    except OSError:
        return ""
