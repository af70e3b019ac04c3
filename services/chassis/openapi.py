"""Makes a service's OpenAPI 3.1 document from its routes, its handlers' decorators and its types.

`python -m chassis.openapi` writes every service's openapi.json; a test holds the committed file to this.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from chassis import openapi_headers
from chassis.negotiation import JSON, MSGPACK
from chassis.operations import Operation, Reply
from chassis.problems import CONTENT_TYPE, Problem

REFERENCE = "#/components/schemas/{name}"
METHODS = ("get", "put", "post", "patch", "delete")
BASIC = {"client": {"type": "http", "scheme": "basic"}}

Json = dict[str, Any]


def document(service: str, routes: Any) -> Json:
    """Return the document of a service's routes; methods without `operation` are not in it."""
    described = list(_described(routes))
    kinds = [kind for _, _, _, _, one in described for kind in _kinds(one)]
    _, schemas = msgspec.json.schema_components([*kinds, Problem], ref_template=REFERENCE)
    paths: Json = {}
    for path, handler, name, method, one in described:
        item = paths.setdefault(path, {})
        if parameters := [_path_parameter(n, handler) for n in re.findall(r"{(\w+)}", path)]:
            item["parameters"] = parameters
        media = (JSON, MSGPACK) if handler.negotiates else (JSON,)
        item[name] = _operation(one, getattr(method, "required_scope", None), at=path, media=media)
    scopes = {str(found) for *_, method, _ in described if (found := getattr(method, "required_scope", None))}
    used = {entry for _, _, _, _, one in described if one.security for entry in set().union(*one.security)}
    package = importlib.import_module(service)
    return {
        "openapi": "3.1.0",
        "info": {"title": service, "version": "1", "description": inspect.getdoc(package) or service},
        "paths": paths,
        "components": {"schemas": _tidy(schemas), **_schemes(sorted(scopes), used)},
    }


def _described(routes: Any) -> Iterator[tuple[str, Any, str, Any, Operation]]:
    for pattern, handler, *_ in routes:
        for name in METHODS:
            method = vars(handler).get(name)
            if one := getattr(method, "operation", None):
                yield _path(pattern, method), handler, name, method, one


def _path(pattern: str, method: Any) -> str:
    """Write the groups of a route's pattern as the parameters of the method that gets them."""
    names = iter([name for name in inspect.signature(method).parameters if name != "self"])
    return re.sub(r"\(.*?\)", lambda _: f"{{{next(names)}}}", pattern).replace("\\", "")


def _kinds(one: Operation) -> list[Any]:
    return [kind for kind in (one.body, *(r.kind for r in one.replies.values())) if kind]


def _operation(one: Operation, scope: str | None, *, at: str, media: tuple[str, ...]) -> Json:
    made: Json = {"operationId": one.id, "summary": one.summary}
    if one.description:
        made["description"] = one.description
    made["security"] = list(one.security) if one.security else [{"oauth2": [scope]} if scope else {}]
    if parameters := [*_query_parameters(one.query), *map(openapi_headers.parameter, one.headers)]:
        made["parameters"] = parameters
    if one.body:
        made["requestBody"] = {"required": True, "content": {one.media: {"schema": _schema(one.body)}}}
    replies = {str(status): _reply(reply, media) for status, reply in one.replies.items()}
    problems = {**({404: "No such address."} if "{" in at else {}), **_implied(one, scope), **one.problems}
    refusals = {str(status): _refusal(status, text) for status, text in problems.items()}
    made["responses"] = {
        status: _either(replies.get(status, {}), refusals.get(status, {}))
        for status in sorted({**refusals, **replies})
    }
    if one.firewall:
        made["x-firewall"] = dict(one.firewall)
    return made


def _implied(one: Operation, scope: str | None) -> dict[int, str]:
    """Return the problems that follow from what the chassis does for such an operation."""
    found = {
        403: "Taken for an attack by the gateway.",
        429: "Too many requests: come back after Retry-After.",
        503: "Too much to do, or something needed does not answer.",
    }
    if scope:
        found |= {
            401: "No valid token.",
            403: "The token lacks the scope, or the gateway takes the request for an attack.",
        }
    if one.query:
        found |= {400: "A parameter is not valid."}
    if one.body and one.media == JSON:
        found |= {
            400: "The body is not JSON.",
            413: "The body is too large.",
            415: "The body is not JSON.",
        }
        found |= {422: "The body is not what this resource takes."}
    if "If-Match" in one.headers:
        found |= {412: "It no longer has the ETag given."}
    if "Idempotency-Key" in one.headers:
        found |= {409: "A request with this key is under way."}
    return found


def _either(reply: Json, refusal: Json) -> Json:
    """Return a response whose body may be of either kind: OAuth's own, say, or the gateway's problem."""
    whole = {**refusal, **reply}
    contents = {**refusal.get("content", {}), **reply.get("content", {})}
    return {**whole, "content": contents} if reply and refusal and contents else whole


def _reply(reply: Reply, media: tuple[str, ...]) -> Json:
    made: Json = {"description": reply.text}
    if reply.headers:
        made["headers"] = {
            n: {"description": t, "schema": {"type": "string"}} for n, t in reply.headers.items()
        }
    if reply.kind:
        made["content"] = {kind: {"schema": _schema(reply.kind)} for kind in media}
    return made


def _refusal(status: int, text: str) -> Json:
    made: Json = {"description": text, "content": {CONTENT_TYPE: {"schema": _schema(Problem)}}}
    if status in (401, 403):
        made["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}}}
    return made


def _schema(kind: Any) -> Json:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    return dict(_tidy(schema))


def _query_parameters(kind: Any) -> list[Json]:
    if kind is None:
        return []
    _, components = msgspec.json.schema_components([kind], ref_template="{name}")
    schema = components[kind.__name__]
    return [
        _parameter(name, "query", given, name in schema.get("required", []))
        for name, given in schema["properties"].items()
    ]


def _path_parameter(name: str, handler: Any) -> Json:
    (schema,), _ = msgspec.json.schema_components([handler.path_parameters[name]])
    return _parameter(name, "path", schema, True)


def _parameter(name: str, place: str, schema: Json, required: bool) -> Json:
    given = dict(schema)
    if "anyOf" in given:  # absent is how a parameter says null
        (one,) = [option for option in given.pop("anyOf") if option != {"type": "null"}]
        given = {**one, **given}
    if given.get("default", "") in (None, ""):
        given.pop("default", None)
    text = given.pop("description", None)
    made: Json = {"name": name, "in": place, "schema": _tidy(given)}
    return {**made, **({"description": text} if text else {}), **({"required": True} if required else {})}


def _schemes(scopes: list[str], used: set[str]) -> Json:
    schemes: Json = {name: BASIC[name] for name in sorted(used)}
    if scopes:
        flow = {"tokenUrl": "/oauth/token", "scopes": {scope: f"The scope {scope}." for scope in scopes}}
        schemes["oauth2"] = {"type": "oauth2", "flows": {"clientCredentials": flow}}
    return {"securitySchemes": schemes} if schemes else {}


def _tidy(value: Any) -> Any:
    """Drop the titles and the docstrings of Python that msgspec puts into schemas."""
    if isinstance(value, dict):
        dropped = ("title",) if "properties" in value else ()
        return {name: _tidy(member) for name, member in value.items() if name not in dropped}
    return [_tidy(member) for member in value] if isinstance(value, list) else value


def text(service: str) -> str:
    """Return what services/<service>/openapi.json should hold."""
    routes = importlib.import_module(f"{service}.app").ROUTES
    return json.dumps(document(service, routes), indent=2, ensure_ascii=False) + "\n"


def main(services: list[str]) -> None:
    """Write the documents of the services named, or of all."""
    folder = Path(__file__).parents[1]
    for name in services or sorted(path.parent.name for path in folder.glob("*/app.py")):
        (folder / name / "openapi.json").write_text(text(name))


if __name__ == "__main__":
    main(sys.argv[1:])
