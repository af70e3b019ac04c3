"""Files to frozen configuration: read, overlay, validate; all errors at once, each `file: key: rule`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from infra.config.environment import Environment
from infra.config.exclusions import misspelt_exclusions
from infra.config.messages import sentence
from infra.config.models import EnvironmentName
from infra.config.rules import broken_rules
from infra.config.service import Process, Service
from infra.errors import ConfigurationError

ENVIRONMENTS = Path("infra/environments")
SERVICES = Path("services")


@dataclass(frozen=True)
class Config:
    """Everything the tool knows before it looks at AWS. Services are sorted by name; `like` is whose file was read for
    a preview; `protected_here` names the protected environments of this account and region, all files considered.
    """

    environment: Environment
    services: tuple[Service, ...]
    like: str | None = None
    protected_here: tuple[str, ...] = ()

    def service(self, name: str) -> Service:
        """Return a service. Raises ConfigurationError when there is none of that name."""
        for service in self.services:
            if service.name == name:
                return service
        known = ", ".join(service.name for service in self.services)
        raise ConfigurationError(f"services/{name}: there is no such service; there are {known}")

    @property
    def issuer(self) -> Service:
        """The service that issues tokens."""
        return next(service for service in self.services if service.issuer is not None)

    @property
    def gateway(self) -> Service:
        """The service behind the public load balancer."""
        return next(service for service in self.services if service.public)


def load(root: Path, name: str, *, like: str | None = None) -> Config:
    """Read environment `name` (from the file of `like` for a preview) and every manifest below `root`.

    Raises ConfigurationError with one line for each problem.
    """
    problems: list[str] = []
    environment = _environment(root, name, source=like or name, problems=problems)
    services = _services(root, problems)
    problems += misspelt_exclusions(root)
    if environment is None or problems:
        raise ConfigurationError(problems)
    source = _file(like or name)
    services = tuple(_overridden(service, environment, source, problems) for service in services)
    problems += broken_rules(environment, services, source=source, others=environment_names(root))
    protected = _protected_here(root, environment, problems)
    if problems:
        raise ConfigurationError(problems)
    return Config(environment, services, like if like != name else None, protected)


def environment_names(root: Path) -> tuple[str, ...]:
    """Return the names of the environments that have a file."""
    return tuple(sorted(path.stem for path in (root / ENVIRONMENTS).glob("*.toml") if path.stem != "base"))


def _file(name: str) -> str:
    return str(ENVIRONMENTS / f"{name}.toml")


def _environment(root: Path, name: str, *, source: str, problems: list[str]) -> Environment | None:
    known = environment_names(root)
    if source not in known:
        hint = _hint(root, name, source)
        problems.append(
            f"{_file(source)}: there is no environment {source!r}; there are {', '.join(known)}{hint}"
        )
        return None
    base = _read(root / ENVIRONMENTS / "base.toml", root, problems)
    own = _read(root / _file(source), root, problems)
    if problems:
        return None
    try:
        TypeAdapter(EnvironmentName).validate_python(name)
        return Environment.model_validate(_frozen(_overlay(base, own) | {"name": name}))
    except ValidationError as error:
        for detail in error.errors():
            path = detail["loc"]
            file = _file(source) if not path or _holds(own, path) else str(ENVIRONMENTS / "base.toml")
            where = path or ("name",)
            problems.append(f"{file}: {sentence(where, detail)}")
        return None


def _protected_here(root: Path, environment: Environment, problems: list[str]) -> tuple[str, ...]:
    base = _read(root / ENVIRONMENTS / "base.toml", root, problems)
    found = []
    for name in environment_names(root):
        other = _overlay(base, _read(root / _file(name), root, problems))
        here = (other.get("account"), other.get("region")) == (environment.account, environment.region)
        found += [name] if here and other.get("protected") is True else []
    return tuple(found)


def _hint(root: Path, name: str, source: str) -> str:
    """Who names a service alone forgot the environment before it; who names what is not there perhaps wants a preview."""
    if (root / SERVICES / source / "service.toml").exists():
        return f"; {source!r} is a service: name the environment before it"
    return "; for a preview environment add --like and one of these" if source == name else ""


def _services(root: Path, problems: list[str]) -> tuple[Service, ...]:
    found = []
    for manifest in sorted((root / SERVICES).glob("*/service.toml")):
        before = len(problems)
        data = _read(manifest, root, problems)
        if len(problems) > before:
            continue
        try:
            found.append(Service.model_validate(_frozen(data | {"name": manifest.parent.name})))
        except ValidationError as error:
            file = manifest.relative_to(root)
            problems.extend(f"{file}: {sentence(detail['loc'], detail)}" for detail in error.errors())
    return tuple(found)


def _overridden(service: Service, environment: Environment, source: str, problems: list[str]) -> Service:
    """Return the service as the environment changes it; a change that makes no process goes to `problems`."""
    override = environment.services.get(service.name)
    if override is None:
        return service
    processes = dict(service.processes)
    for name, change in override.processes.items():
        if name not in processes:
            continue
        try:
            processes[name] = _changed(processes[name], change.model_dump(exclude_none=True))
        except ValidationError as error:
            place = ("services", service.name, "processes", name)
            problems += [
                f"{source}: {sentence((*place, *detail['loc']), detail)}" for detail in error.errors()
            ]
    return service.model_copy(update={"processes": processes})


def _changed(process: Process, change: Mapping[str, Any]) -> Process:
    kept = process.model_dump(
        exclude_none=True, exclude={"count", "scale"} if set(change) & {"count", "scale"} else set()
    )
    return Process.model_validate(_frozen(kept | dict(change)))


def _read(path: Path, root: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(f"{path.relative_to(root)}: the file is missing")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{path.relative_to(root)}: is not valid TOML: {error}")
    return {}


def _overlay(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _overlay(merged[key], value) if both else value
    return merged


def _holds(data: Any, path: tuple[int | str, ...]) -> bool:
    """Whether the file itself has the key, or the table that misses it."""
    for key in path[:-1] or path:
        if not isinstance(data, dict) or key not in data:
            return False
        data = data[key]
    return not isinstance(data, dict) or len(path) == 1 or path[-1] in data


def _frozen(value: Any) -> Any:
    """Lists as tuples, since the models are strict and hold tuples."""
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    return value
