"""cfn-lint, AWS's own schemas and rules, finds nothing in any template: neither errors nor warnings.

What was found is kept by the template's text, where `verify` keeps it too: a template is read once, not once a run.
"""

from __future__ import annotations

import pytest
from cfnlint import api

from infra.evidence.lint import linted
from tests.builders import ROOT
from tests.shipyard import ENVIRONMENTS, all_stacks, config

CACHE = ROOT / ".estaleiro" / "lint"


# Each takes ten seconds of a core, and the stacks of our own services below are of the same kinds.
@pytest.mark.slow
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_linter_finds_nothing(environment: str) -> None:
    region = config(environment).environment.region

    found = linted(all_stacks(environment), region, cache=CACHE)

    assert found == {part: () for part in found}


def test_the_linter_finds_nothing_in_the_stacks_of_our_own_services() -> None:
    found = linted(all_stacks("production", ROOT), "eu-west-1", cache=CACHE)

    assert found == {part: () for part in found}


def test_the_linter_knows_what_is_wrong() -> None:
    wrong = '{"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeouts": 30}}}}'

    found = [match.rule.id for match in api.lint(wrong, regions=["eu-west-1"])]

    assert found == ["E3002"]
