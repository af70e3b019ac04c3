"""The server's side of AWS's query protocols, by botocore's own service models: parameters in, XML and errors out."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

import botocore.model
import botocore.session

Answer = tuple[int, dict[str, str], bytes]


@functools.cache
def session() -> botocore.session.Session:
    """Return the process's one session: it keeps the service models, which are large."""
    return botocore.session.Session()


@functools.cache
def model(service: str) -> botocore.model.ServiceModel:
    """Return the service's model."""
    return session().get_service_model(service)


def parsed(service: str, operation: str, params: Mapping[str, list[str] | str]) -> dict[str, Any]:
    """Return a query request's parameters in the operation's own shape; parameters that it does not have are left out.

    MiniStack's services hand on a parameter's value as a list of one, some as the value itself.
    """
    tree: dict[str, Any] = {}
    for key, values in params.items():
        node = tree
        *path, last = key.split(".")
        for step in path:
            node = node.setdefault(step, {})
        node[last] = values if isinstance(values, str) else values[0]
    found: dict[str, Any] = _read(model(service).operation_model(operation).input_shape, tree)
    return found


def _read(shape: Any, node: Any) -> Any:
    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            key = next((candidate for candidate in _spellings(name, member) if candidate in node), None)
            if key is not None:
                found[name] = _read(member, node[key])
        return found
    if shape.type_name == "list":
        items = node if all(key.isdigit() for key in node) else next(iter(node.values()))
        return (
            [_read(shape.member, items[key]) for key in sorted(items, key=int)]
            if isinstance(items, dict)
            else []
        )
    if shape.type_name == "boolean":
        return node.lower() == "true"
    if shape.type_name in ("integer", "long"):
        return int(node)
    return node


def _spellings(name: str, shape: Any) -> list[str]:
    """EC2 capitalises a location name where it has no query name; RDS uses either name."""
    location = shape.serialization.get("name", name)
    return [shape.serialization.get("queryName", ""), location, location[:1].upper() + location[1:], name]


def answer(service: str, operation: str, result: Mapping[str, Any]) -> Answer:
    """Return the operation's XML answer with `result` in it."""
    described = model(service)
    shape = described.operation_model(operation).output_shape
    inner = xml(shape, result) if shape is not None else ""
    wrapper = shape.serialization.get("resultWrapper") if shape is not None else None
    if wrapper:
        inner = (
            f"<{wrapper}>{inner}</{wrapper}><ResponseMetadata><RequestId>local</RequestId></ResponseMetadata>"
        )
    else:
        inner = f"<requestId>local</requestId>{inner}"
    space = described.metadata.get("xmlNamespace", "http://ec2.amazonaws.com/doc/2016-11-15/")
    body = f'<{operation}Response xmlns="{space}">{inner}</{operation}Response>'
    return 200, {"Content-Type": "text/xml"}, body.encode()


def xml(shape: Any, value: Any) -> str:
    """Return the inside of an element of that shape; what the shape does not have is left out."""
    if shape.type_name == "structure":
        return "".join(
            _element(name, member, value[name]) for name, member in shape.members.items() if name in value
        )
    if shape.type_name == "boolean":
        return str(bool(value)).lower()
    return escape(str(value))


def _element(name: str, shape: Any, value: Any) -> str:
    if value is None:
        return ""
    tag = shape.serialization.get("name", name)
    if shape.type_name == "list":
        item = shape.member.serialization.get("name", "member")
        return f"<{tag}>{''.join(f'<{item}>{xml(shape.member, each)}</{item}>' for each in value)}</{tag}>"
    return f"<{tag}>{xml(shape, value)}</{tag}>"


def error(code: str, message: str, status: int = 400) -> Answer:
    """Return an error as the query protocol has it."""
    inner = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message>"
    body = f"<ErrorResponse><Error>{inner}</Error></ErrorResponse>"
    return status, {"Content-Type": "text/xml"}, body.encode()
