"""What `migrate` refuses before anything runs, and how it reads a task's answer."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from infra.aws import Aws
from infra.commands.context import Context
from infra.commands.migrate import Migration, answer, failed, migrate
from infra.commands.migrating import refuse_strays, statuses_text
from infra.commands.parser import parser
from infra.commands.terminal import typed
from infra.config import load
from infra.errors import ConfigurationError, EstaleiroError, Refused
from infra.events import Reporter
from infra.tasks.one_off import TaskResult
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
    versions = "services/shop/migrations/versions"
    files[f"{versions}/0001_a.py"] = 'revision = "0001"\ndown_revision = None\n'
    files[f"{versions}/0002_b.py"] = 'revision = "0002"\ndown_revision = "0001"\n'
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


@pytest.mark.parametrize("migration", [Migration("0042"), Migration("0042", downgrade=True), Migration("-1")])
def test_a_revision_that_is_not_there_is_told_before_anything_runs(
    tmp_path: Path, migration: Migration
) -> None:
    with pytest.raises(
        ConfigurationError, match=f"--to: shop has no revision '{migration.to}'; its newest is 0002"
    ):
        attempt(context(tmp_path), ["shop"], migration)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--new-to", "main"], "--new-to: goes with --lint alone"),
        (["--status", "--to", "0001"], "--to: goes with migrating and with --sql, not with --status"),
        (["--lint", "--to", "0001"], "--to: goes with migrating and with --sql, not with --lint"),
        (["--demo", "--to", "0001"], "--to: goes with migrating and with --sql, not with --demo"),
    ],
)
def test_an_option_that_would_mean_nothing_is_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        refuse_strays(parser().parse_args(["migrate", "local", "shop", *words]))


def test_one_thing_is_asked_of_migrate_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["migrate", "local", "--sql", "--status"])

    assert "argument --status: not allowed with argument --sql" in capsys.readouterr().err


def test_a_task_that_says_itself_why_it_failed_is_not_talked_over() -> None:
    cause = "it exited with code 1 (Essential container in task exited)"
    own = TaskResult("arn", 1, cause, ("a warning", "shop: 0001 is older than the schema"))
    mute = replace(own, tail=("Traceback",))

    assert failed("shop", "migrate", own) == "shop: 0001 is older than the schema"
    assert failed("shop", "migrate", mute) == f"the migrate task of shop failed: {cause}\n  | Traceback"


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
