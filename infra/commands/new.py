"""`new service NAME`: a folder in services/ and a test, complete, from the templates; deploys and passes at once."""

from __future__ import annotations

import itertools
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from infra.errors import ConfigurationError

TEMPLATES = Path(__file__).parents[1] / "templates" / "service"
ENDING = ".tmpl"
TESTS = "test_service.py"

# A service's folder is a Python package, and its name part of stacks' and databases' names.
_NAME = re.compile(r"[a-z][a-z0-9]{1,19}")


def new_service(root: Path, name: str) -> list[Path]:
    """Write the service and its test under `root`; return the files written.

    Raises ConfigurationError for a name that cannot be one, or that is taken; then nothing is written.
    """
    _check(root, name)
    written = []
    for template in sorted(TEMPLATES.rglob(f"*{ENDING}")):
        path = root / _place(template.relative_to(TEMPLATES), name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(filled(template.read_text(encoding="utf-8"), name), encoding="utf-8")
        written.append(path)
    return written


def filled(text: str, name: str) -> str:
    """Return a template's text with the service's name in it: {{name}} as it is, {{Name}} as a class begins."""
    named = text.replace("{{name}}", name).replace("{{Name}}", name.capitalize())
    return "\n".join(_sorted_imports(named.split("\n"), ("from chassis", f"from {name}")))


def _sorted_imports(lines: list[str], starts: tuple[str, ...]) -> list[str]:
    """Put each run of our own imports into alphabetical order, which depends on the service's name."""
    made: list[str] = []
    for ours, run in itertools.groupby(lines, lambda line: line.startswith(starts)):
        found = list(run)
        made += sorted(found, key=lambda line: line.split()[1]) if ours else found
    return made


def _place(relative: Path, name: str) -> Path:
    plain = relative.with_suffix("")
    if plain.name == TESTS:
        return Path("tests/services") / f"test_{name}.py"
    return Path("services") / name / plain


def _check(root: Path, name: str) -> None:
    for problem in _problems(root, name):
        raise ConfigurationError(f"new service {name}: {problem}")


def _problems(root: Path, name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield "the name should be 2 to 20 lower-case letters and digits, and begin with a letter"
    elif keyword.iskeyword(name) or name in sys.stdlib_module_names:
        yield "Python has a module or a word of this name; choose another"
    elif (root / "services" / name).exists():
        yield f"services/{name} is there already"
    elif (root / "tests" / "services" / f"test_{name}.py").exists():
        yield f"tests/services/test_{name}.py is there already"
