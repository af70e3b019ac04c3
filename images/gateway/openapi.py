"""Turns a service's OpenAPI document into what the gateway checks of a request; pure, standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

METHODS = ("get", "put", "post", "delete", "patch")
# Bytes that a request's body may have where an operation does not say (`x-max-body`).
MAX_BODY = 65536
# What the gateway checks of https://json-schema.org/draft/2020-12/json-schema-validation. `pattern` is left to the
# service: a regular expression of the schema's dialect means another thing here.
_KEPT = (
    "additionalProperties",
    "const",
    "enum",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "properties",
    "required",
    "type",
)
_MAX_DEPTH = 16


class OpenApiError(ValueError):
    """The document cannot be turned into checks; the message names the place."""


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (path template, METHOD, operation) in the document's order; an operation is as `_operation` makes it."""
    for path, item in document.get("paths", {}).items():
        for method in METHODS:
            if method in item:
                yield path, method.upper(), _operation(item[method], document, f"{method.upper()} {path}")


def _operation(operation: Mapping[str, Any], document: Mapping[str, Any], where: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "id": operation.get("operationId", where),
        "max_body": operation.get("x-max-body", MAX_BODY),
    }
    body = _resolved(operation.get("requestBody", {}), document, where)
    content = {
        kind.lower(): _schema(media.get("schema", {}), document, where, _MAX_DEPTH)
        for kind, media in body.get("content", {}).items()
    }
    if content:
        made["content"] = content
        made["body_required"] = bool(body.get("required", False))
    if "x-rate-limit" in operation:
        made["rate_limit"] = operation["x-rate-limit"]
    if "x-firewall" in operation:
        made["firewall"] = operation["x-firewall"]
    return made


def path_pattern(path: str, item: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Return the regular expression that matches `path` on the wire; an integer parameter takes digits only."""
    kinds = _path_parameters(item, document)
    parts = re.split(r"\{([^{}]+)\}", path)
    texts = [
        re.escape(part) if index % 2 == 0 else _parameter(kinds.get(part)) for index, part in enumerate(parts)
    ]
    return "^" + "".join(texts) + "$"


def sample_path(path: str, item: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Return a path that `path` stands for: `/movies/{id}` with an integer id gives `/movies/1`."""
    kinds = _path_parameters(item, document)
    return re.sub(r"\{([^{}]+)\}", lambda found: "1" if kinds.get(found[1]) == "integer" else "a", path)


def _path_parameters(item: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, str]:
    listed = list(item.get("parameters", []))
    for method in METHODS:
        listed += item.get(method, {}).get("parameters", [])
    resolved = [_resolved(parameter, document, "parameters") for parameter in listed]
    return {
        each["name"]: each.get("schema", {}).get("type", "string")
        for each in resolved
        if each.get("in") == "path"
    }


def _parameter(kind: str | None) -> str:
    return r"-?\d{1,19}" if kind == "integer" else r"[^/]{1,256}"


def _resolved(node: Mapping[str, Any], document: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        if not isinstance(found, Mapping) or step not in found:
            raise OpenApiError(f"{where}: {reference} is not in the document")
        found = found[step]
    return _resolved(found, document, where)


def _schema(
    node: Mapping[str, Any] | bool, document: Mapping[str, Any], where: str, depth: int
) -> dict[str, Any] | bool:
    if isinstance(node, bool):
        return node
    if depth == 0:
        raise OpenApiError(f"{where}: the schema is deeper than {_MAX_DEPTH} levels or refers to itself")
    node = _resolved(node, document, where)
    made = {key: node[key] for key in _KEPT if key in node}
    if "type" in made and isinstance(made["type"], str):
        made["type"] = [made["type"]]
    if "properties" in made:
        made["properties"] = {
            name: _schema(each, document, where, depth - 1) for name, each in made["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if key in made:
            made[key] = _schema(made[key], document, where, depth - 1)
    for key in ("anyOf", "oneOf"):
        if key in node:
            made["any_of"] = [_schema(each, document, where, depth - 1) for each in node[key]]
    if "allOf" in node:
        made["all_of"] = [_schema(each, document, where, depth - 1) for each in node["allOf"]]
    return made
