"""Deploy after deploy while people use the system: nobody notices, not even the one that fails and goes back."""

from __future__ import annotations

import re

import pytest

from tests.system.conftest import Shipyard
from tests.system.load import Load

REQUESTS = 10_000


def rewrite(yard: Shipyard, name: str, old: str, new: str) -> None:
    source = yard.root / name
    text = source.read_text(encoding="utf-8")
    assert old in text, name
    source.write_text(text.replace(old, new), encoding="utf-8")


def lift_the_limit(yard: Shipyard, rate: int) -> None:
    """The load comes from one address, which the gateway would slow down."""
    manifest = yard.root / "services/movies/service.toml"
    manifest.write_text(re.sub(r'rate_limit = "\d+/s"', f'rate_limit = "{rate}/s"', manifest.read_text()))


@pytest.mark.long
def test_five_deploys_one_of_them_failing_lose_no_request_of_ten_thousand(shipyard: Shipyard) -> None:
    lift_the_limit(shipyard, 5000)
    shipyard.deploy_py("deploy")

    with Load(shipyard.edge_port, "/movies?limit=1") as load:
        rewrite(shipyard, "services/movies/app.py", "ROUTES = (", "# the first of five\nROUTES = (")
        shipyard.deploy_py("deploy")
        rewrite(shipyard, "services/tokens/app.py", "def make_app", "# the second\ndef make_app")
        shipyard.deploy_py("deploy")
        rewrite(
            shipyard, "services/movies/app.py", "    return web", "    raise SystemExit(3)\n    return web"
        )
        failed = shipyard.deploy_py("deploy", code=1)
        rewrite(shipyard, "services/movies/app.py", "    raise SystemExit(3)\n", "")
        shipyard.deploy_py("deploy")
        lift_the_limit(shipyard, 6000)
        shipyard.deploy_py("deploy")
        load.until(REQUESTS, seconds=120)

    print(f"{load.sent} requests, {len(load.failures)} failed")
    assert "movies web: " in failed.stderr
    assert "ROLLBACK_SUCCESSFUL" in failed.stderr
    assert load.failures == []
    assert load.sent >= REQUESTS
