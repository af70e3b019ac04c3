"""What one local cloud is called, where it keeps its state and where it listens; frozen, made once by the caller."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """`name` is the Docker network's name, the label's value and the prefix of every container and volume."""

    name: str
    state: Path
    postgres_image: str
    api_port: int = 4566
    edge_port: int = 8080
    region: str = "eu-west-1"
    account: str = "000000000000"
    trust_mount: str = "/usr/share/rds/global-bundle.pem"
    zones: tuple[tuple[str, str], ...] = ()
    """Public DNS zones that the account has already, as (id, domain name)."""

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def edge_url(self) -> str:
        return f"http://127.0.0.1:{self.edge_port}"


def write(settings: Settings, path: Path) -> None:
    """Write the settings as JSON, for `python -m infra.local --settings PATH`."""
    path.write_text(json.dumps(asdict(settings) | {"state": str(settings.state)}, indent=2) + "\n")


def read(path: Path) -> Settings:
    """Read what `write` wrote."""
    values = json.loads(path.read_text())
    zones = tuple((zone, name) for zone, name in values.get("zones", ()))
    return Settings(**(values | {"state": Path(values["state"]), "zones": zones}))
