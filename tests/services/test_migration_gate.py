"""What a deploy asks of its migrations: judged from the last good release on, and a copy taken where data goes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from moto import mock_aws

from infra.aws import connect
from infra.commands import run as run_command
from infra.commands.context import Context
from infra.commands.migrate import Migration, migrate, pending_sql, statuses
from infra.commands.migration_gate import judged, restore_points
from infra.commands.rollback import refuse_left_behind
from infra.commands.serving import warn_of_going_back
from infra.config import load
from infra.errors import Refused
from infra.events import Reporter
from infra.migrations.applied import Applied
from infra.state import Releases
from infra.steps import Plan, RunTask
from tests import aws_account
from tests.builders import project_files, write_tree

ROOT = Path(__file__).parents[2]
TEMPLATE = {
    "Parameters": {"WebTaskDefinition": {"Type": "String"}},
    "Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}},
}
PLAN = Plan("local", (RunTask("movies migrate", service="movies", task="migrate"),))


@pytest.fixture
def context(tmp_path):
    write_tree(tmp_path, project_files())
    for package in ("movies", "chassis"):
        shutil.copytree(ROOT / "services" / package, tmp_path / "services" / package)
    with mock_aws():
        aws_account.client("s3").create_bucket(
            Bucket="yard-000000000000-eu-west-1-state",
            CreateBucketConfiguration={"LocationConstraint": "eu-west-1"},
        )
        config = load(tmp_path, "local")
        yield Context(
            tmp_path, config, connect("eu-west-1", environ={}), Reporter(lambda e: None, lambda: 0), None
        )


def migrated(context, head):
    Applied(context.bucket, "local").note("movies", head)


def test_a_first_deploy_has_nothing_to_disturb(context):
    assert judged(context, PLAN).revisions == ()


def test_only_what_follows_the_last_migration_is_judged(context):
    migrated(context, "0012")

    verdict = judged(context, PLAN)

    assert [revision.id for revision in verdict.revisions] == ["0013"]
    assert verdict.restore_point == ("movies 0013: ban-drop-column",)


def test_a_database_of_which_nobody_knows_where_it_is_has_all_revisions_judged(context):
    migrated(context, None)

    assert len(judged(context, PLAN).revisions) == 13


def test_a_deploy_of_another_service_does_not_make_a_revision_count_as_run(context):
    """Its release record names the newest revisions of all services, run or not."""
    migrated(context, "0012")
    Releases(context.bucket, "local").write("2", {"verdict": "good", "migrations": {"movies": ["0013"]}})

    assert judged(context, PLAN).restore_point == ("movies 0013: ban-drop-column",)


def test_a_revision_without_its_reason_stops_the_deploy(context):
    migrated(context, "0012")
    contract = context.root / "services/movies/migrations/versions/0013_year_gone.py"
    contract.write_text(contract.read_text().replace("# allow ban-drop-column", "#"))

    with pytest.raises(Refused, match="ban-drop-column"):
        judged(context, PLAN)


def released(context, number, head):
    """A good release whose code knows the revisions up to `head`."""
    parameters = {"movies": {"WebTaskDefinition": f"arn:task-definition/movies-web:{number}"}}
    record = {
        "release": str(number),
        "verdict": "good",
        "migrations": {"movies": [head]},
        "parameters": parameters,
    }
    Releases(context.bucket, "local").write(str(number), record)


def serves(number):
    """The service stack as that release left it."""
    arn = f"arn:task-definition/movies-web:{number}"
    aws_account.client("cloudformation").create_stack(
        StackName="yard-local-movies",
        TemplateBody=json.dumps(TEMPLATE),
        Parameters=[{"ParameterKey": "WebTaskDefinition", "ParameterValue": arn}],
        Tags=[{"Key": "yard:environment", "Value": "local"}, {"Key": "yard:part", "Value": "movies"}],
    )


def test_a_contraction_waits_until_the_release_serves_that_needs_the_old_column_no_more(context):
    migrated(context, "0010")
    released(context, 1, "0010")
    released(context, 2, "0012")
    serves(1)

    with pytest.raises(
        Refused, match=r"0013_year_gone\.py: too-early: .* code of 0012 serves, and now that of 0010 does"
    ):
        judged(context, PLAN)


def test_a_contraction_may_follow_the_release_that_it_waited_for(context):
    migrated(context, "0012")
    released(context, 1, "0010")
    released(context, 2, "0012")
    serves(2)

    assert judged(context, PLAN).restore_point == ("movies 0013: ban-drop-column",)


def test_a_migration_by_hand_waits_too(context):
    migrated(context, "0012")
    released(context, 1, "0010")
    serves(1)

    with pytest.raises(
        Refused,
        match=r"movies: revision 0013 may run only where the code of 0012 serves .* now that of 0010 does",
    ):
        migrate(context, ["movies"], Migration(), print, confirm=print)


def test_going_back_under_code_that_serves_is_warned_of(context):
    released(context, 1, "0013")
    serves(1)
    said = []
    told = replace(context, reporter=Reporter(lambda event: said.append(event.text), lambda: 0))

    warn_of_going_back(told, context.config.service("movies"), "0012")
    warn_of_going_back(told, context.config.service("movies"), "0013")

    assert said == [
        "the code that serves needs 0013: at 0012 it is not ready, until you migrate forward again or go back "
        "to the code of 0012 (./deploy.py rollback local)"
    ]


@pytest.mark.parametrize(
    "act",
    [
        lambda context: migrate(context, ["movies"], Migration(), print, confirm=print),
        lambda context: statuses(context, ["movies"]),
        lambda context: pending_sql(context, ["movies"], None),
        lambda context: run_command.run(context, "movies", run_command.Run(("true",)), print),
        lambda context: run_command.start(context, "movies", run_command.Run(("true",))),
    ],
)
def test_no_task_is_started_where_the_environment_sleeps(context, act):
    context.bucket.put("sleep/local.json", b'{"since": "2026-11-28T00:00:00+00:00", "databases": []}')

    with pytest.raises(Refused, match=r"^local sleeps, so .*; wake it first: \./deploy\.py wake local\."):
        act(context)


def test_a_rollback_to_code_that_the_contraction_left_behind_is_refused_and_names_the_copy(context):
    migrated(context, "0013")
    for number, head in enumerate(("0010", "0012", "0013"), 1):
        released(context, number, head)
    releases = Releases(context.bucket, "local")
    releases.write("3", {**releases.read("3"), "restore_points": ["yard-before-3"]})

    with pytest.raises(Refused) as refusal:
        refuse_left_behind(context, releases.read("1"), releases.all())
    refuse_left_behind(context, releases.read("2"), releases.all())
    migrated(context, "0012")  # it was taken back
    refuse_left_behind(context, releases.read("1"), releases.all())

    assert str(refusal.value) == (
        "movies: the code of 1 knows 0010, and the database is past 0013, which left code without 0012 behind "
        "(the code that came with it reads and writes release_year alone). Go back to a release with 0012 and "
        "take 0013 back, then it can follow: ./deploy.py migrate local movies --to 0012 --downgrade, "
        "or restore a copy taken since: yard-before-3. Nothing was changed"
    )


def test_nothing_destructive_takes_no_copy(context):
    migrated(context, "0009")
    plan = Plan("local", ())

    assert restore_points(context, judged(context, plan), "2") == []
