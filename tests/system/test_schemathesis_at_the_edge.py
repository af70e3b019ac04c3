"""Schemathesis asks through the gateway what each description allows; gateway and service together keep every word."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.schemathesis_case import findings
from tests.system.conftest import Shipyard

EXAMPLES = {"movies": 30, "reviews": 30, "tokens": 5}
SCOPES = {"movies": "movies:read movies:write", "reviews": "reviews:write"}


def public(yard: Shipyard, service: str, folder: Path) -> str:
    """Write the description without what the gateway leads nobody to; return the file."""
    home = yard.root / "services" / service
    routes = [
        re.compile(route) for route in tomllib.loads((home / "service.toml").read_text())["http"]["routes"]
    ]
    whole = json.loads((home / "openapi.json").read_text())
    whole["paths"] = {
        path: item
        for path, item in whole["paths"].items()
        if any(route.search(re.sub(r"\{\w+\}", "1", path)) for route in routes)
    }
    assert whole["paths"]
    file = folder / "public.json"
    file.write_text(json.dumps(whole))
    return str(file)


def who(yard: Shipyard, service: str) -> list[str]:
    """Return the options that make schemathesis somebody."""
    if service == "tokens":
        stranger = base64.b64encode(b"stranger:secret").decode()
        return ["-H", f"Authorization: Basic {stranger}"]
    return ["-H", f"Authorization: Bearer {yard.token(SCOPES[service])}"]


@pytest.mark.slow
@pytest.mark.parametrize("service", EXAMPLES)
def test_schemathesis_finds_nothing_through_the_gateway(
    shipyard: Shipyard, service: str, tmp_path: Path
) -> None:
    options = [*who(shipyard, service), "--url", f"http://127.0.0.1:{shipyard.edge_port}"]

    found = findings(
        service, public(shipyard, service, tmp_path), tmp_path, options, examples=EXAMPLES[service]
    )

    assert not found, found
