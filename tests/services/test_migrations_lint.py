"""Every revision of every service is rendered and linted as a deploy does it."""

from pathlib import Path

import pytest

from infra.errors import EstaleiroError
from infra.migrations.judgement import judge, read

ROOT = Path(__file__).parents[2]
SERVICES = sorted(path.parents[1].name for path in (ROOT / "services").glob("*/migrations/env.py"))


def test_no_revision_disturbs_what_serves():
    verdict = judge(ROOT, SERVICES, postgres="17")

    assert set(verdict.heads) == set(SERVICES)
    verdict.refuse()


def test_migrations_that_cannot_be_read_are_one_sentence():
    with pytest.raises(
        EstaleiroError, match="services/nonesuch: its migrations cannot be read: nonesuch: has no"
    ):
        read(ROOT, "nonesuch")
