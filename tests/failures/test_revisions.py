"""A migration that fails half-way in a deploy: nothing that serves changes, and the same command converges once mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.failures.yard import STOCK, Load, Yard

REVISION = '''"""{title}."""
from alembic import op
revision = "{id}"
down_revision = "{after}"
def upgrade() -> None:
    op.execute("{sql}")
def downgrade() -> None:
    pass
'''


def write(versions: Path, id: str, after: str, sql: str) -> None:
    text = REVISION.format(title=f"Step {id}", id=id, after=after, sql=sql)
    (versions / f"{id}.py").write_text(text)


@pytest.mark.slow
def test_of_three_revisions_the_second_fails_no_service_changes_and_the_mended_deploy_goes_on(
    yard: Yard,
) -> None:
    before, versions = yard.running("stock", "web"), yard.root / "services/stock/migrations/versions"
    yard.write("stock", STOCK.replace("crates", "boxes"))
    write(versions, "0002", "0001", "CREATE TABLE racks (id bigint)")
    write(versions, "0003", "0002", "CREATE TABLE aisles (id nonsense)")
    write(versions, "0004", "0003", "CREATE TABLE gates (id bigint)")

    with Load(f"http://localhost:{yard.edge_port}/stock/") as load:
        end = yard.run("deploy", "--service", "stock")
    after = yard.running("stock", "web")
    (status,) = json.loads(yard.run("status", "--json").text)["databases"]
    write(versions, "0003", "0002", "CREATE TABLE aisles (id bigint)")
    again = yard.run("deploy", "--service", "stock")
    (then,) = json.loads(yard.run("status", "--json").text)["databases"]

    assert end.code == 1
    assert end.sentence.startswith("stock migrate: the migrate task of stock failed: it exited with code 1")
    assert (
        'stock: revision 0003 (Step 0003) failed: type "nonsense" does not exist; the schema is at 0002, '
        "mend the revision and migrate again" in end.last
    )
    assert "not done because of that: stock, stock verdict, smoke test" in end.last
    assert (after, set(load.answers)) == (before, {"crates"})
    assert (status["revision"], [one["revision"] for one in status["pending"]]) == ("0002", ["0003", "0004"])
    assert again.code == 0, again.text
    assert "stock: 2 to apply: 0003, 0004" in again.text
    assert (then["revision"], then["pending"]) == ("0004", [])
    assert yard.running("stock", "web") != before
