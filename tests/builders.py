"""Values for tests, with defaults, so that a test shows only what matters."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[1]

BASE = """
project = "yard"
account = "000000000000"
region = "eu-west-1"
"""

WEB = """
[processes.web]
command = ["python3", "-m", "shop"]
cpu = 128
memory = 256
"""


def write_tree(root: Path, files: dict[str, str]) -> Path:
    """Write files by relative path; return the root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return root


def project_files(**changes: str) -> dict[str, str]:
    """A whole small project: an issuer, a shop that calls it not, a gateway; `changes` replace files by short name.

    Short names: `base`, `local`, or a service's name for its manifest.
    """
    files = {
        "infra/environments/base.toml": BASE,
        "infra/environments/local.toml": "",
        "services/tokens/service.toml": manifest("issuer") + "[issuer]\n",
        "services/shop/service.toml": manifest("a shop"),
        "services/gateway/service.toml": "public = true\n" + manifest("the door"),
    }
    for name, text in changes.items():
        environment = name in ("base", "local") or name.startswith("env_")
        path = (
            f"infra/environments/{name.removeprefix('env_')}.toml"
            if environment
            else f"services/{name}/service.toml"
        )
        files[path] = text
    return files


def manifest(description: str, *, more: str = "") -> str:
    """A service with HTTP on 8080 and one web process."""
    return f'description = "{description}"\n[http]\nport = 8080\n{more}{WEB}'
