"""What `migrate` refuses before anything runs, and how it reads a task's answer."""

from pathlib import Path
from typing import Any, cast

import pytest

from infra.aws import Aws
from infra.commands.context import Context
from infra.commands.migrate import Migration, answer, migrate
from infra.commands.migrating import statuses_text, typed
from infra.config import load
from infra.errors import ConfigurationError, EstaleiroError, Refused
from infra.events import Reporter
from tests.builders import manifest, project_files, write_tree

DATABASE = '[database]\nname = "shop"\n'
PROTECTED = (
    'protected = true\naccount = "111122223333"\n[edge]\ndomain = "example.org"\nzone_id = "Z0000000000000"\n'
)


class NothingRuns:
    """An account that no call may reach."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"asked AWS for {name}")


def context(tmp_path: Path, environment: str = "local") -> Context:
    files = project_files(shop=manifest("a shop", more=DATABASE), env_production=PROTECTED)
    config = load(write_tree(tmp_path, files), environment)
    return Context(
        tmp_path, config, cast(Aws, NothingRuns()), Reporter(lambda event: None, lambda: 0.0), None
    )


def refuse(question: str) -> None:
    raise Refused(question)


def attempt(context: Context, names: list[str], migration: Migration) -> None:
    migrate(context, names, migration, print, confirm=refuse)


def test_a_protected_environment_goes_back_only_with_its_name_typed(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"Going back to 0002 drops what later revisions of shop made\."):
        attempt(context(tmp_path, "production"), ["shop"], Migration("0002", downgrade=True))


def test_a_protected_environment_gets_no_demo_data(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="production is protected: it gets no demo data"):
        attempt(context(tmp_path, "production"), ["shop"], Migration(demo=True))


def test_going_back_names_its_revision_and_its_service(tmp_path: Path) -> None:
    local = context(tmp_path)

    with pytest.raises(ConfigurationError, match="--downgrade: name the revision to go back to with --to"):
        attempt(local, ["shop"], Migration(downgrade=True))
    with pytest.raises(ConfigurationError, match=r"services/tokens/service\.toml: has no \[database\]"):
        attempt(local, ["tokens"], Migration())


def test_the_arguments_are_those_of_the_chassis() -> None:
    assert Migration().arguments == ()
    assert Migration("0002", downgrade=True).arguments == ("--to", "0002", "--downgrade")
    assert (Migration(demo=True).arguments, Migration(demo=True).environment) == (
        ("--demo",),
        {"DEMO_DATA": "allowed"},
    )


@pytest.mark.parametrize("given", ["staging", ""])
def test_another_name_is_refused(given: str) -> None:
    with pytest.raises(Refused, match=f"'{given}' is not 'production'; nothing was changed"):
        typed("Sure?", "production", given)


def test_the_right_name_goes_on() -> None:
    typed("Sure?", "production", "production")


def test_the_answer_is_the_last_json_line() -> None:
    assert answer("shop", ["a warning", '{"revision": "0001"}', "bye"]) == {"revision": "0001"}
    with pytest.raises(EstaleiroError, match="its answer is not in its log"):
        answer("shop", ["a warning"])


def test_statuses_are_a_table() -> None:
    found = [
        {
            "service": "shop",
            "revision": None,
            "head": "0002",
            "newer": False,
            "pending": [{"revision": "0001"}],
        },
        {"service": "b", "revision": "0009", "head": "0001", "newer": True, "pending": []},
    ]

    assert statuses_text(found) == (
        "SERVICE  REVISION                     HEAD  PENDING\n"
        "shop     none                         0002  0001\n"
        "b        0009 (newer than this code)  0001  nothing"
    )
