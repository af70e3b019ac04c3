"""pydantic's errors in our words: `key: should be …`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_WORDS = {
    "string_type": "should be text",
    "int_type": "should be a whole number",
    "bool_type": "should be true or false",
    "dict_type": "should be a table",
    "model_type": "should be a table",
    "tuple_type": "should be a list",
    "extra_forbidden": "is not a known key",
    "missing": "is missing",
}


def sentence(location: Sequence[int | str], detail: Any) -> str:
    """Return `processes.worker.cpu: should be one of 128, 256, …` for one entry of ValidationError.errors()."""
    path = ".".join(str(part) for part in location if part not in ("str", "tuple[str, ...]", "[key]"))
    return f"{path}: {_rule(detail)}"


def _rule(detail: Any) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _WORDS:
        return _WORDS[kind]
    if kind == "literal_error":
        return f"should be one of {context['expected'].replace(' or ', ', ').replace(chr(39), '')}"
    if kind == "string_pattern_mismatch":
        return f"should match {context['pattern']} (is {detail['input']!r})"
    if kind == "string_too_long":
        return f"should have at most {context['max_length']} characters (is {detail['input']!r})"
    if kind == "value_error":
        return str(context["error"])
    bounds = {"greater_than_equal": ("ge", "at least"), "less_than_equal": ("le", "at most")}
    if kind in bounds:
        key, words = bounds[kind]
        return f"should be {words} {context[key]} (is {detail['input']})"
    if kind == "too_short":
        return f"should have at least {context['min_length']} entry"
    message: str = detail["msg"]
    return message[0].lower() + message[1:]
