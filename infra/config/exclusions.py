"""What operations exclude from the gateway's firewall (`x-firewall`): a name that the firewall lacks would switch off nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

DOCUMENTS = "services/*/openapi.json"
RULES = Path("images/gateway/lua/firewall/rules")
KEYS = ("exclude", "fields", "mode")
MODES = ("block", "detect", "off")

_CLASS = re.compile(r'^ +class = "([^"]+)"', re.MULTILINE)
_RULE = re.compile(r'\{id = "([^"]+)"')


def misspelt_exclusions(root: Path) -> list[str]:
    """Return every mistake in an `x-firewall` below `root` as `file: operation: key: rule`.

    Documents without one are not read further: the rest of them is the services' and the gateway's.
    """
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(root.glob(DOCUMENTS))}
    excluding = {path: text for path, text in texts.items() if '"x-firewall"' in text}
    known = firewall_rules(root / RULES) if excluding else frozenset()
    problems = []
    for path, text in excluding.items():
        file = path.relative_to(root)
        try:
            document = json.loads(text)
        except ValueError as error:
            problems.append(f"{file}: is not valid JSON: {error}")
            continue
        problems += [f"{file}: {mistake}" for mistake in _mistakes(document, known)]
    return problems


def firewall_rules(folder: Path) -> frozenset[str]:
    """Return the classes and the ids of the rules in a folder of Lua tables, both of which may be excluded."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.lua"))]
    return frozenset(name for text in texts for kind in (_CLASS, _RULE) for name in kind.findall(text))


def _mistakes(document: Mapping[str, Any], known: frozenset[str]) -> Iterator[str]:
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "x-firewall" in operation:
                where = f"{method.upper()} {path}: x-firewall"
                yield from (f"{where}{text}" for text in _wrong(operation["x-firewall"], known))


def _wrong(given: Any, known: frozenset[str]) -> Iterator[str]:
    if not isinstance(given, dict):
        yield f": should be a table with {_words(KEYS)}"
        return
    for key in sorted(given.keys() - set(KEYS)):
        yield f".{key}: is not a known key; there are {_words(KEYS)}"
    if "mode" in given and given["mode"] not in MODES:
        yield f".mode: should be one of {', '.join(MODES)} (is {given['mode']!r})"
    if "exclude" in given:
        yield from _unknown(".exclude", given["exclude"], known)
    fields = given.get("fields", {})
    if not isinstance(fields, dict):
        yield ".fields: should be a table of lists by field"
        return
    for field, excluded in fields.items():
        yield from _unknown(f".fields.{field}", excluded, known)


def _unknown(key: str, excluded: Any, known: frozenset[str]) -> Iterator[str]:
    if not isinstance(excluded, list) or not all(isinstance(name, str) for name in excluded):
        yield f"{key}: should be a list of the firewall's rules and classes"
        return
    for name in excluded:
        if name not in known:
            yield f"{key}: the firewall has no rule or class {name!r}; {_nearest(name, known)}"


def _nearest(name: str, known: frozenset[str]) -> str:
    near = get_close_matches(name, sorted(known), n=1)
    if near:
        return f"the nearest is {near[0]!r}"
    classes = (one for one in known if "." not in one)
    return f"the classes are {_words(sorted(classes))}"


def _words(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
