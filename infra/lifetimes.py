"""How long environments live: the tags of the network stack, read and written, and what follows from them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from infra import naming
from infra.aws.cloudformation import StackState
from infra.config import Config

Action = Literal["reap", "warn", "keep"]


@dataclass(frozen=True)
class Lifetime:
    """One deployed environment. `like`: whose file a preview takes; `guarded`: was protected when it was deployed.

    `rooted`: its network stack, which goes last, is there. `unfinished`: it is not, and a teardown has been at work.
    """

    environment: str
    like: str | None = None
    owner: str = ""
    created: datetime | None = None
    expires: datetime | None = None
    guarded: bool = False
    rooted: bool = True
    unfinished: bool = False


@dataclass(frozen=True)
class Verdict:
    """What is to be done about an environment's age, and why."""

    environment: str
    action: Action
    why: str


def duration(text: str) -> timedelta:
    """Read `72h` or `14d`, as `expires_after` has them."""
    amount = int(text[:-1])
    return timedelta(hours=amount) if text[-1] == "h" else timedelta(days=amount)


def network_tags(config: Config, *, owner: str, now: datetime, deployed: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that say how long the environment lives, whose it is and like what it is.

    `deployed` are those of the stack that is there: its owner stays, and an end that was put off is not brought
    forward.
    """
    environment = config.environment
    key = naming.expires_tag(environment.project)
    tags = {naming.owner_tag(environment.project): deployed.get(naming.owner_tag(environment.project), owner)}
    if config.like:
        tags[naming.like_tag(environment.project)] = config.like
    if environment.expires_after:
        end = now + duration(environment.expires_after)
        before = _time(deployed.get(key))
        tags[key] = max(end, before or end).isoformat(timespec="seconds")
    return tags


def lifetimes(project: str, states: Iterable[StackState]) -> tuple[Lifetime, ...]:
    """Return every environment that has a stack in the account, by name."""
    found: dict[str, list[StackState]] = {}
    for state in states:
        name = state.tags.get(naming.environment_tag(project))
        if name:
            found.setdefault(name, []).append(state)
    return tuple(_lifetime(project, name, found[name]) for name in sorted(found))


def with_unfinished(found: Iterable[Lifetime], likes: Mapping[str, str | None]) -> tuple[Lifetime, ...]:
    """Return the environments with those whose teardown was cut off so late that their own tags are gone.

    `likes` are the teardowns that left a record, each with whose file it took.
    """
    all_ = {one.environment: one for one in found}
    for name, like in likes.items():
        one = all_.get(name, Lifetime(name, rooted=False))
        if not one.rooted:
            all_[name] = replace(one, like=one.like or like, unfinished=True)
    return tuple(all_[name] for name in sorted(all_))


def verdict(
    one: Lifetime, *, now: datetime, warn: timedelta, protected: Collection[str], known: Collection[str]
) -> Verdict:
    """Return what `reap` does. `protected` names what files protect, `known` what has a file."""
    if one.environment in protected or one.guarded:
        return Verdict(one.environment, "keep", "is protected")
    if one.expires is None and not one.unfinished:
        return Verdict(one.environment, "keep", "has no end")
    if one.environment not in known and one.like not in known:
        return Verdict(
            one.environment, "keep", "has no file, and no file that it is like; tear it down with --like"
        )
    if one.expires is None:
        return Verdict(one.environment, "reap", "its teardown did not come to its end")
    if one.expires <= now:
        return Verdict(one.environment, "reap", f"ended {ago(now - one.expires)} ago")
    action: Action = "warn" if one.expires - now <= warn else "keep"
    return Verdict(one.environment, action, f"ends in {ago(one.expires - now)}")


def ago(length: timedelta) -> str:
    """Write a length of time in its largest whole unit: `3 d`, `5 h`, `12 min`."""
    minutes = int(length.total_seconds()) // 60
    if minutes >= 48 * 60:
        return f"{minutes // 1440} d"
    return f"{minutes // 60} h" if minutes >= 120 else f"{minutes} min"


def _lifetime(project: str, name: str, states: list[StackState]) -> Lifetime:
    roots = [state for state in states if state.tags.get(naming.part_tag(project)) == "network"]
    network = (roots or states)[0]
    ages = [state.created for state in states if state.created is not None]
    return Lifetime(
        environment=name,
        like=network.tags.get(naming.like_tag(project)),
        owner=network.tags.get(naming.owner_tag(project), ""),
        created=min(ages, default=None),
        expires=_time(network.tags.get(naming.expires_tag(project))),
        guarded=any(state.protected for state in states),
        rooted=bool(roots),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
