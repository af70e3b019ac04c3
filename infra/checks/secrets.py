"""Every secret and every JSON key that a task needs can be read, or will be made by this deploy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from infra.checks.facts import Facts
from infra.checks.model import Check, Unknown, fail, ok, skip
from infra.checks.reading import SecretNeed, behind, generated_keys, tasks
from infra.plan import FAILED_CREATES

NAME = "secrets"


def needs(facts: Facts) -> dict[str, list[SecretNeed]]:
    """Return who needs each secret that is there by now, by its ARN or name."""
    return {place.id: users for place, users in _wanted(facts).items() if place.id}


def secrets(facts: Facts) -> Iterator[Check]:
    """Say of each secret whether the tasks that need it will get it, with every key that they need."""
    for place, users in sorted(
        _wanted(facts).items(), key=lambda item: (item[0].id, item[0].part, item[0].title)
    ):
        yield _existing(facts, place.id, users) if place.id else _made(facts, place, users)


@dataclass(frozen=True)
class _Place:
    """Where a secret is: its id, or the stack and resource that will make it."""

    id: str = ""
    part: str = ""
    title: str = ""


def _wanted(facts: Facts) -> dict[_Place, list[SecretNeed]]:
    wanted: dict[_Place, list[SecretNeed]] = {}
    for task in tasks(facts.config, facts.stacks):
        for need in task.secrets:
            wanted.setdefault(_place(facts, need), []).append(need)
    return wanted


def _place(facts: Facts, need: SecretNeed) -> _Place:
    if need.arn:
        return _Place(need.arn)
    part = need.output.part if need.output else need.part
    title = behind(facts.stacks, need.output) if need.output else need.title
    stack = None if isinstance(facts.actual, Unknown) else facts.actual.stacks.get(part)
    id = ""
    if stack is not None and stack.status not in FAILED_CREATES:
        id = (
            stack.outputs.get(need.output.key, "")
            if need.output
            else facts.resources.get(part, {}).get(title, "")
        )
    return _Place(id) if id else _Place(part=part, title=title)


def _existing(facts: Facts, secret: str, users: list[SecretNeed]) -> Check:
    subject = secret.partition(":secret:")[2] or secret
    if isinstance(facts.secrets, Unknown):
        return skip(NAME, subject, facts.secrets.why)
    fact = facts.secrets.get(secret)
    if fact is None:
        return skip(NAME, subject, "not looked at")
    if fact.state == "missing":
        return fail(NAME, subject, f"{_who(users)} cannot start: it has no value", _fix(facts, secret, users))
    if fact.state == "unreadable":
        return skip(NAME, subject, fact.why)
    lacking = _lacking(users, fact.keys)
    if lacking:
        has = "it is no JSON object" if fact.keys is None else f"it has {_names(fact.keys)}"
        return fail(
            NAME,
            subject,
            f"{_who(lacking)} cannot start: the key {_keys(lacking)} is missing; {has}",
            f"write its JSON again, with {_keys(lacking)}: "
            f"aws secretsmanager put-secret-value --secret-id {secret} --secret-string file://secret.json",
        )
    return ok(NAME, subject)


def _made(facts: Facts, place: _Place, users: list[SecretNeed]) -> Check:
    """A secret that a stack will make has the keys that its template says."""
    subject = f"{place.part} {place.title}"
    keys = generated_keys(facts.stacks, place.part, place.title)
    lacking = _lacking(users, keys)
    if lacking:
        return fail(
            NAME,
            subject,
            f"{_who(lacking)} could not start: it will be made without the key {_keys(lacking)}",
            f"mend the template of {place.part} (infra/stacks)",
        )
    return ok(NAME, subject, "this deploy makes it")


def _lacking(users: Iterable[SecretNeed], keys: frozenset[str] | None) -> list[SecretNeed]:
    return [need for need in users if need.key is not None and (keys is None or need.key not in keys)]


def _fix(facts: Facts, secret: str, users: Iterable[SecretNeed]) -> str:
    environment = facts.config.environment.name
    if not secret.startswith("arn:"):
        service, _, name = secret.rpartition("/")[0].rpartition("/")[2], "", secret.rpartition("/")[2]
        return f"set it: ./deploy.py secrets set {environment} {service} {name}"
    first = next(iter(users))
    return (
        f"restore it (aws secretsmanager restore-secret --secret-id {secret}), or give it a value again; "
        f"the stack of {first.service or 'the database'} made it"
    )


def _who(users: Iterable[SecretNeed]) -> str:
    return ", ".join(sorted({f"{need.service} {need.task}" for need in users}))


def _keys(users: Iterable[SecretNeed]) -> str:
    return _names({need.key for need in users if need.key})


def _names(keys: Iterable[str]) -> str:
    return ", ".join(repr(key) for key in sorted(keys)) or "no key"
