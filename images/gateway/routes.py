#!/usr/bin/env python3
"""Makes the gateway's table of routes from every service's manifest and OpenAPI document; names no service itself.

usage: routes.py SERVICES OUTPUT    (SERVICES holds <name>/service.toml and, where there is one, <name>/openapi.json)
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openapi import OpenApiError, operations, path_pattern, sample_path

_SECONDS = {"s": 1, "m": 60}
# What the gateway answers itself: a service that claimed one of these would never be asked.
_OWN = ("/", "/environment.json", "/health", "/page/page.js")


class RoutesError(ValueError):
    """A manifest or a document cannot be routed; the message is one sentence with the file in it."""


def read_services(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Return the manifests and the OpenAPI documents under `folder`, each by service name, sorted."""
    manifests, documents = {}, {}
    for path in sorted(folder.glob("*/service.toml")):
        name = path.parent.name
        manifests[name] = tomllib.loads(path.read_text())
        document = path.parent / "openapi.json"
        if document.is_file():
            documents[name] = json.loads(document.read_text())
    return manifests, documents


def route_table(
    manifests: Mapping[str, Mapping[str, Any]], documents: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the table that the gateway's Lua reads: services with their limits, and routes in the services' order.

    A path of a document is public when one of its service's `routes` matches it. A service without a document has
    its `routes` themselves, with every method. Raises RoutesError when two services claim a path, or a document
    cannot be used.
    """
    services, routes = {}, []
    for name, manifest in sorted(manifests.items()):
        http = manifest.get("http", {})
        if manifest.get("public", False) or not http.get("routes"):
            continue
        services[name] = {"limit": rate(http.get("rate_limit", "100/s"), name)}
        routes += _routes(name, http["routes"], documents.get(name))
    _refuse_shared(routes)
    _refuse_own(routes)
    return {"services": services, "routes": routes}


def rate(text: str, where: str) -> dict[str, int]:
    """Return "50/s" as {"count": 50, "window": 1}; the window is in seconds."""
    found = re.fullmatch(r"([1-9]\d*)/([sm])", text)
    if not found:
        raise RoutesError(f"{where}: a rate limit should be like 50/s or 600/m, not {text}")
    return {"count": int(found[1]), "window": _SECONDS[found[2]]}


def _routes(name: str, patterns: list[str], document: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    if document is None:
        return [{"service": name, "path": pattern, "pattern": pattern, "samples": []} for pattern in patterns]
    found: dict[str, dict[str, Any]] = {}
    try:
        for path, method, operation in operations(document):
            item = document["paths"][path]
            sample = sample_path(path, item, document)
            if not any(re.search(pattern, sample) for pattern in patterns):
                continue
            if "rate_limit" in operation:
                operation["limit"] = rate(
                    operation.pop("rate_limit"), f"services/{name}/openapi.json: {method} {path}"
                )
            route = {
                "service": name,
                "path": path,
                "pattern": path_pattern(path, item, document),
                "samples": [sample],
            }
            found.setdefault(path, {**route, "operations": {}})["operations"][method] = operation
    except OpenApiError as error:
        raise RoutesError(f"services/{name}/openapi.json: {error}") from error
    # A path without parameters goes before one with, as OpenAPI has it.
    return sorted(found.values(), key=lambda route: (route["path"].count("{"), route["path"]))


def _refuse_shared(routes: list[dict[str, Any]]) -> None:
    for route in routes:
        for sample in route.pop("samples"):
            for other in routes:
                if other["service"] != route["service"] and re.search(other["pattern"], sample):
                    raise RoutesError(
                        f"services/{route['service']}: {route['path']} is also a path of {other['service']}; "
                        "take it out of one of the two"
                    )


def _refuse_own(routes: list[dict[str, Any]]) -> None:
    for route in routes:
        for path in _OWN:
            if re.search(route["pattern"], path):
                raise RoutesError(
                    f"services/{route['service']}: {route['path']} would be at {path}, which the gateway answers itself; "
                    "choose another path"
                )


def main(arguments: list[str]) -> int:
    """Write the table; return the exit code."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        table = route_table(*read_services(Path(arguments[0])))
    except (RoutesError, OSError, ValueError) as error:
        print(f"routes.py: {error}", file=sys.stderr)
        return 1
    output = Path(arguments[1])
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
