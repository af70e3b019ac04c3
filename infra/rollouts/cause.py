"""Why a task stopped and what to do about it, in plain words, from what ECS says of it; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from infra.aws.ecs import Container, Task

_SECRET = re.compile(r":secret:([\w/+=.@-]+)")
_JSON_KEY = re.compile(r"json key (\S+):")
_PARAMETER = re.compile(r"invalid parameters: (\S+)")
# What Secrets Manager adds to a secret's name in its ARN.
_ARN_ENDING = re.compile(r"-[A-Za-z0-9]{6}$")

# Phrases of ECS's reasons (ECS developer guide, "Stopped tasks error messages"): why, and what to do. First match counts.
_PHRASES = (
    (
        "CannotPullContainer",
        "its image could not be pulled",
        "see that the tag is in the registry and that the execution role may pull it",
    ),
    (
        "AccessDenied",
        "its execution role may not read what it needs to start",
        "see that the secret's key and policies let it",
    ),
    (
        "logger args",
        "its log group is not there or may not be written",
        "deploy again: the release stack makes it",
    ),
    (
        "OutOfMemory",
        "it ran out of memory and was killed",
        "raise the process's memory in service.toml, or let it need less",
    ),
    (
        "failed container health checks",
        "its container's health check did not pass",
        "see why in its last lines; if it only needs longer to start, raise health.start_period in service.toml",
    ),
    (
        "failed ELB health checks",
        "the load balancer's health check did not pass",
        "it should answer 200 on its health path; see why in its last lines",
    ),
    (
        "CannotStartContainer",
        "its container could not be started",
        "see that the command in service.toml is in the image",
    ),
    ("CannotCreateContainer", "its container could not be made", "see the reason that the engine gives"),
)
# Of codes above 128 the rest is a signal's number (POSIX shell convention, which Docker keeps).
_SIGNALS = {137: "SIGKILL", 139: "SIGSEGV, a crash in native code", 134: "SIGABRT", 143: "SIGTERM"}
_HOST_CODES = frozenset({"TerminationNotice", "InfrastructureHealth", "SpotInterruption"})
_READ_LINES = "read its last lines"


@dataclass(frozen=True)
class Cause:
    """Why a task stopped: `why` follows the task's name, `advice` says what to do, `words` are ECS's own."""

    why: str
    advice: str
    words: str = ""

    @property
    def sentence(self) -> str:
        """All three in one line."""
        return f"{self.why}{f' ({self.words})' if self.words else ''}; {self.advice}"


def cause_of(task: Task) -> str:
    """Return a sentence that says why the task stopped, with ECS's own words and what to do."""
    return diagnosis(task).sentence


def diagnosis(task: Task) -> Cause:
    """Return why a stopped task stopped."""
    words = _words(task)
    if "did not contain json key" in words or re.search(r"unable to (pull|retrieve) secret", words):
        return _missing_secret(words)
    for phrase, why, advice in _PHRASES:
        if phrase.lower() in words.lower():
            return Cause(why, advice, words)
    if "ResourceInitializationError" in words:
        return Cause("what it needs to start could not be prepared", "see the reason that ECS gives", words)
    if task.stop_code in _HOST_CODES or "Host EC2" in words:
        why = "its host was lost before it ended, so nobody knows how far it came"
        return Cause(why, "deploy again: it is run again on another host", words)
    if task.stop_code == "UserInitiated":
        return Cause("somebody stopped it", "find out who and why, and deploy again", words)
    return _exit(task, words)


def is_failure(task: Task) -> bool:
    """Whether a service's stopped task speaks against its release: the scheduler also stops what failed its health
    checks, while people and lost hosts stop what may be sound.
    """
    if task.stop_code in ("TaskFailedToStart", "EssentialContainerExited"):
        return True
    return task.stop_code == "ServiceSchedulerInitiated" and "failed" in (task.stopped_reason or "").lower()


def log_stream(task: Task, container: str) -> str:
    """The awslogs stream of a container: `<prefix>/<container>/<task id>`; our prefix is the process's name."""
    return f"{container}/{container}/{task.id}"


def _words(task: Task) -> str:
    """Each reason once; a container often repeats its task's."""
    reasons = [task.stopped_reason or "", *(container.reason or "" for container in task.containers)]
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def _missing_secret(words: str) -> Cause:
    secret = _SECRET.search(words)
    name = _ARN_ENDING.sub("", secret.group(1)) if secret else ""
    key, parameter = _JSON_KEY.search(words), _PARAMETER.search(words)
    if key:
        return Cause(
            f"the secret {name or 'it reads'} has no JSON key {key.group(1)}",
            "add the key to the secret's value and deploy again",
            words,
        )
    if "AccessDenied" in words:
        return Cause(f"it may not read the secret {name}", "let its execution role read it", words)
    missing = name or (parameter.group(1) if parameter else "") or "it needs"
    return Cause(f"the secret {missing} is missing or empty", "set its value and deploy again", words)


def _exit(task: Task, words: str) -> Cause:
    failing = [container for container in task.containers if container.exit_code]
    if failing:
        return Cause(", ".join(map(_exited, failing)), f"{_READ_LINES} and mend it", words)
    codes = [container.exit_code for container in task.containers]
    if not codes or None in codes:
        why = "it stopped without an exit code, so its host was lost or it was killed"
        return Cause(why, "deploy again; look at the hosts if it happens twice", words)
    return Cause(
        "it ended by itself with exit code 0",
        "a service's process should run until it is told to stop",
        words,
    )


def _exited(container: Container) -> str:
    code = container.exit_code or 0
    meaning = " (the command was not found)" if code == 127 else ""
    meaning = f" ({_SIGNALS[code]})" if code in _SIGNALS else meaning
    return f"it exited with code {code}{meaning}"
