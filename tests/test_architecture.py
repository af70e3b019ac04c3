"""Who may import what, how long things may be: the design's rules, read from the code itself."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Tables of cases may be longer than code.
LIMITS = {"tests/": (600, 60), "": (250, 40)}

ALLOWED = {
    "troposphere": ("infra/stacks/", "infra/hosts/"),
    "boto3": ("infra/aws/", "tests/"),
    "botocore": ("infra/aws/", "infra/local/", "services/chassis/aws.py", "tests/"),
    "aiobotocore": ("services/chassis/aws.py",),
    "ministack": ("infra/local/", "tests/local/"),
    "docker": ("infra/docker.py", "infra/local/", "tests/"),
    "fabric": ("infra/ssh.py", "tests/"),
    "moto": ("tests/",),
}

PURE = (
    "infra/config/",
    "infra/images.py",
    "infra/stacks/",
    "infra/plan.py",
    "infra/steps.py",
    "infra/differences.py",
    "infra/report.py",
    "infra/pages/",
    "infra/topology.py",
    "infra/timeline.py",
    "infra/call_order.py",
    "infra/data_loss.py",
    "infra/checks/",
    "infra/outlook/cost.py",
    "infra/outlook/meaning.py",
    "infra/outlook/report.py",
    "infra/outlook/recreation.py",
)
EFFECTS = {
    "boto3",
    "botocore",
    "docker",
    "socket",
    "subprocess",
    "urllib",
    "http",
    "time",
    "os",
    "random",
    "secrets",
}


def sources() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(parsed(path)))


def imports(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("library", sorted(ALLOWED))
def test_a_library_is_imported_behind_its_wall_only(library: str) -> None:
    strangers = [
        relative(path)
        for path in sources()
        if any(name.split(".")[0] == library for name in imports(path))
        and not relative(path).startswith(ALLOWED[library])
    ]

    assert strangers == []


def test_the_pure_core_has_no_effects() -> None:
    impure = [
        (relative(path), name)
        for path in sources()
        if relative(path).startswith(PURE)
        for name in imports(path)
        if name.split(".")[0] in EFFECTS
    ]

    assert impure == []


def modules() -> dict[str, Path]:
    """Return where each module is, by the name under which it is imported."""
    found = {}
    for path in sources():
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[1:] if parts[0] == "services" else parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_modules(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """Yield those of `known` that a module imports, wherever in it that stands, for types alone as well."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in known else node.module for name in names)


def test_no_module_imports_itself_through_others() -> None:
    known = modules()
    graph = {name: set(imported_modules(path, known)) & known.keys() - {name} for name, path in known.items()}

    try:
        circle: list[str] = []
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]

    assert circle == []


def test_infra_and_services_do_not_know_each_other() -> None:
    services = {path.name for path in (ROOT / "services").iterdir() if path.is_dir()}
    wrong = [
        (relative(path), name)
        for path in sources()
        for name in imports(path)
        if (relative(path).startswith("infra/") and name.split(".")[0] in {*services, "services"})
        or (relative(path).startswith("services/") and name.split(".")[0] == "infra")
    ]

    assert wrong == []


def test_a_service_imports_no_other_service() -> None:
    services = {path.name for path in (ROOT / "services").iterdir() if path.is_dir()} - {"chassis"}
    wrong = [
        (relative(path), name)
        for path in sources()
        if relative(path).startswith("services/")
        for name in imports(path)
        if name.split(".")[0] in services - {path.relative_to(ROOT / "services").parts[0]}
    ]

    assert wrong == []


def test_the_local_cloud_knows_nothing_of_our_stacks() -> None:
    wrong = [
        (relative(path), name)
        for path in sources()
        if relative(path).startswith("infra/local/")
        for name in imports(path)
        if name.startswith("infra.") and not name.startswith(("infra.local", "infra.errors"))
    ]

    assert wrong == []


def test_nothing_in_infra_names_a_service() -> None:
    services = {path.parent.name for path in (ROOT / "services").glob("*/service.toml")}
    named = [
        (relative(path), node.value)
        for path in sources()
        if relative(path).startswith("infra/")
        for node in nodes(path)
        if isinstance(node, ast.Constant) and node.value in services - {"gateway"}
    ]

    assert named == []


def test_modules_and_functions_stay_small() -> None:
    long = []
    for path in sources():
        text, name = path.read_text(encoding="utf-8"), relative(path)
        most_lines, most_of_function = next(
            limits for start, limits in LIMITS.items() if name.startswith(start)
        )
        if text.count("\n") > most_lines:
            long.append(f"{name}: {text.count(chr(10))} lines")
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > most_of_function:
                    long.append(f"{name}:{node.name}: {length} lines")

    assert long == []


def test_every_module_says_what_it_holds() -> None:
    silent = [
        relative(path)
        for path in sources()
        if path.name not in ("__main__.py", "conftest.py")
        and path.stat().st_size
        and not ast.get_docstring(parsed(path))
    ]

    assert silent == []


def test_nothing_is_patched() -> None:
    patched = [
        relative(path) for path in sources() for name in imports(path) if name.startswith("unittest.mock")
    ]

    assert patched == []
