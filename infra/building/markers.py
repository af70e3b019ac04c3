"""A lock file as an image's Python reads it.

pip judges `; python_full_version >= '3.13'` by the Python that it runs on, whatever `--python-version` says, so it would
leave out what only the image needs. Markers are those of PEP 508.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from packaging.requirements import InvalidRequirement, Requirement

from infra.errors import EstaleiroError
from infra.images import Architecture

PYTHON_VERSION = "3.13"
"""Of Debian trixie, the base of the images."""

_FULL_VERSION = "3.13.5"
MACHINES: Mapping[Architecture, str] = {"x86_64": "x86_64", "arm64": "aarch64"}
"""The kernel's and Python's names of the architectures."""

_CONTINUED = re.compile(r"\\\r?\n")
_OPTION = re.compile(r"\s--hash[= ]")


def for_image(lock: bytes, architecture: Architecture) -> bytes:
    """Return the requirements of `lock` that hold in the image, without their markers.

    Raises EstaleiroError for a line that is no requirement.
    """
    lines, environment = _CONTINUED.sub(" ", lock.decode()).splitlines(), _environment(architecture)
    kept = (_kept(line.strip(), environment) for line in lines)
    return "".join(f"{line}\n" for line in kept if line).encode()


def _kept(line: str, environment: dict[str, str]) -> str:
    if not line or line.startswith("#"):
        return ""
    if line.startswith("-"):
        return line
    said, *hashes = _OPTION.split(line.partition(" #")[0])
    try:
        requirement = Requirement(said)
    except InvalidRequirement as error:
        raise EstaleiroError(
            f"requirements.lock: {said.strip()!r} is no requirement; `make lock` renews it"
        ) from error
    if requirement.marker and not requirement.marker.evaluate(environment):
        return ""
    requirement.marker = None
    return " ".join([str(requirement), *(f"--hash={digest.strip()}" for digest in hashes)])


def _environment(architecture: Architecture) -> dict[str, str]:
    """Return the image's values of PEP 508's variables."""
    return {
        "implementation_name": "cpython",
        "implementation_version": _FULL_VERSION,
        "os_name": "posix",
        "platform_machine": MACHINES[architecture],
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": _FULL_VERSION,
        "python_version": PYTHON_VERSION,
        "sys_platform": "linux",
        "extra": "",
    }
