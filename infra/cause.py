"""Why a task stopped, in one plain sentence, from what ECS says of it."""

from __future__ import annotations

from infra.aws.ecs import Task

# What each phrase in ECS's reasons means (ECS developer guide, "Stopped tasks error messages").
_PHRASES = (
    ("CannotPullContainer", "its image could not be pulled; is the tag in the registry?"),
    ("unable to pull secrets", "a secret or one of its JSON keys is missing or may not be read"),
    ("retrieve secret", "a secret or one of its JSON keys is missing or may not be read"),
    ("ResourceInitializationError", "its secrets or log group could not be prepared"),
    ("OutOfMemory", "it ran out of memory; raise the process's memory in service.toml"),
    ("failed container health checks", "its health check did not pass; read its log below"),
    ("failed ELB health checks", "the load balancer's health check did not pass; read its log below"),
    ("Host EC2", "its host was lost"),
)


def cause_of(task: Task) -> str:
    """Return a sentence that says why the task stopped, with ECS's own words behind it."""
    reasons = [task.stopped_reason or "", *(container.reason or "" for container in task.containers)]
    words = "; ".join(dict.fromkeys(reason for reason in reasons if reason))
    codes = {container.name: container.exit_code for container in task.containers}
    for phrase, meaning in _PHRASES:
        if phrase.lower() in words.lower():
            return f"{meaning} ({words})"
    failing = [f"{name} exited with code {code}" for name, code in codes.items() if code]
    if failing:
        return f"{', '.join(failing)} ({words})" if words else ", ".join(failing)
    if not codes or None in codes.values():
        return f"it stopped without an exit code, so its host was lost or it was killed ({words or 'no reason given'})"
    return words or "it stopped"


def log_stream(task: Task, container: str) -> str:
    """The awslogs stream of a container: `<prefix>/<container>/<task id>`; our prefix is the process's name."""
    return f"{container}/{container}/{task.arn.rpartition('/')[2]}"
