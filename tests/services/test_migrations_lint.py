"""Revisions are rendered and linted as a deploy does it: those that this branch adds, wherever they are."""

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.errors import ConfigurationError, EstaleiroError, Refused
from infra.migrations.branch import files_before, usual_base
from infra.migrations.judgement import judge, read

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parents[1].name for path in (ROOT / "services").glob("*/migrations/env.py"))
CONTRACT = "services/movies/migrations/versions/0013_year_gone.py"
BREAKING = '''"""Titles are names now."""
from alembic import op
revision = "0014"
down_revision = "0013"
def upgrade():
    op.execute("ALTER TABLE movies RENAME COLUMN title TO name")
'''


def test_no_revision_new_to_the_branch_disturbs_what_serves():
    base = usual_base(ROOT)
    before = files_before(ROOT, base) if base else frozenset()

    judge(ROOT, SERVICES, postgres="17", before=before).refuse()


def test_every_service_with_a_database_has_revisions_that_can_be_read():
    assert {service: read(ROOT, service)[0].after for service in SERVICES} == dict.fromkeys(SERVICES)


def git(root, *words):
    settings = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *settings, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A clone with `movies` on `main`, of which one revision would break a rule that came later."""
    for package in ("movies", "chassis"):
        shutil.copytree(ROOT / "services" / package, tmp_path / "services" / package)
    contract = tmp_path / CONTRACT
    contract.write_text(contract.read_text().replace("# allow ban-drop-column", "#"))
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "The catalogue")
    git(tmp_path, "checkout", "-b", "names")
    return tmp_path


def test_only_what_the_branch_adds_is_judged(repository):
    (repository / "services/movies/migrations/versions/0014_names.py").write_text(BREAKING)

    verdict = judge(repository, ["movies"], postgres="17", before=files_before(repository, "main"))

    assert [revision.id for revision in verdict.revisions] == ["0014"]
    with pytest.raises(Refused, match=r"0014_names\.py: renaming-column"):
        verdict.refuse()


def test_without_a_base_everything_is_judged(repository, tmp_path_factory):
    assert usual_base(repository) == "main"
    assert usual_base(tmp_path_factory.mktemp("no repository")) is None
    with pytest.raises(Refused, match=r"0013_year_gone\.py: ban-drop-column"):
        judge(repository, ["movies"], postgres="17").refuse()
    with pytest.raises(
        ConfigurationError, match="nonesuch: git knows nothing that it shares with this branch"
    ):
        files_before(repository, "nonesuch")


def test_a_contraction_that_waits_for_a_revision_which_is_not_there_is_refused(repository):
    contract = repository / CONTRACT
    contract.write_text(contract.read_text().replace("# only after 0012", "# only after 0021"))

    verdict = judge(repository, ["movies"], postgres="17")

    assert [(one.revision, one.message) for one in verdict.findings if one.rule == "only-after-unknown"] == [
        ("0013", "No revision 0021 comes before it.")
    ]


def test_migrations_that_cannot_be_read_are_one_sentence():
    with pytest.raises(
        EstaleiroError, match="services/nonesuch: its migrations cannot be read: nonesuch: has no"
    ):
        read(ROOT, "nonesuch")
