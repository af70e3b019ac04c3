"""What a deploy asks of its migrations: judged from the last good release on, and a copy taken where data goes."""

import shutil
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from infra.aws import connect
from infra.commands.context import Context
from infra.commands.migration_gate import judged, restore_points
from infra.config import load
from infra.errors import Refused
from infra.events import Reporter
from infra.migrations.applied import Applied
from infra.state import Releases
from infra.steps import Plan, RunTask
from tests.builders import project_files, write_tree

ROOT = Path(__file__).parents[2]
PLAN = Plan("local", (RunTask("movies migrate", service="movies", task="migrate"),))


@pytest.fixture
def context(tmp_path):
    write_tree(tmp_path, project_files())
    for package in ("movies", "chassis"):
        shutil.copytree(ROOT / "services" / package, tmp_path / "services" / package)
    with mock_aws():
        boto3.client("s3", region_name="eu-west-1").create_bucket(
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


def test_nothing_destructive_takes_no_copy(context):
    migrated(context, "0009")
    plan = Plan("local", ())

    assert restore_points(context, judged(context, plan), "2") == []
