"""Reference data follows the code with every migration; demo data comes when asked for and overwrites nothing."""

import sys

import pytest
from migration_case import ask, database, package, quiet

from chassis import migrate, testing

__all__ = ["database", "package"]  # fixtures

SEEDS = """
import sqlalchemy as sa
from chassis.seeds import Seed

GENRES = sa.Table("genres", sa.MetaData(), sa.Column("code", sa.Text), sa.Column("name", sa.Text))
REFERENCE = [Seed(GENRES, ("code",), [{"code": "no", "name": "Noir"}, {"code": "we", "name": "Western"}])]
DEMO = [Seed(GENRES, ("code",), [{"code": "no", "name": "not this"}, {"code": "xx", "name": "Example"}])]
"""


@pytest.fixture
def service(package, tmp_path):
    name = package("CREATE TABLE genres (code text PRIMARY KEY, name text NOT NULL)")
    (tmp_path / name / "seeds.py").write_text(SEEDS)
    yield name
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]


def genres(database):
    with testing.postgres().connect(database) as connection:
        return dict(connection.execute("SELECT code, name FROM genres").fetchall())


def test_reference_data_is_corrected_and_nothing_else_is_touched(service, database):
    url, said = testing.postgres().url(database), []
    migrate.migrate(url, service, say=quiet)
    with testing.postgres().connect(database) as connection:
        connection.execute(
            "UPDATE genres SET name = 'wrong' WHERE code = 'no'; INSERT INTO genres VALUES ('my', 'Own')"
        )

    migrate.migrate(url, service, say=said.append)
    migrate.migrate(url, service, say=said.append)

    assert genres(database) == {"no": "Noir", "we": "Western", "my": "Own"}
    assert said == [
        f"{service}: nothing to do, the schema is at r1",
        f"{service}: reference data: 1 of 2 rows of genres written",
        f"{service}: nothing to do, the schema is at r1",
    ]


def test_demo_data_is_added_where_allowed_and_missing(service, database):
    migrate.migrate(testing.postgres().url(database), service, say=quiet)

    first = ask(service, database, "--demo", DEMO_DATA="allowed")
    second = ask(service, database, "--demo", DEMO_DATA="allowed")

    assert first == (0, f"{service}: demo data: 1 of 2 rows of genres written\n", "")
    assert second == (0, "", "")
    assert genres(database) == {"no": "Noir", "we": "Western", "xx": "Example"}


def test_demo_data_is_refused_elsewhere(service, database):
    assert ask(service, database, "--demo") == (1, "", f"{service}: demo data is not for this environment\n")
