"""cfn-lint, AWS's own schemas and rules, finds nothing in any template: neither errors nor warnings."""

from __future__ import annotations

import pytest
from cfnlint import api

from tests.builders import ROOT
from tests.shipyard import ENVIRONMENTS, all_stacks, config


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_linter_finds_nothing(environment: str) -> None:
    region = config(environment).environment.region

    found = {
        stack.part: [str(match) for match in api.lint(stack.template, regions=[region])]
        for stack in all_stacks(environment)
    }

    assert found == {part: [] for part in found}


def test_the_linter_finds_nothing_in_the_stacks_of_our_own_services() -> None:
    made = all_stacks("production", ROOT)

    found = {
        stack.part: [str(match) for match in api.lint(stack.template, regions=["eu-west-1"])]
        for stack in made
    }

    assert found == {part: [] for part in found}


def test_the_linter_knows_what_is_wrong() -> None:
    wrong = '{"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeouts": 30}}}}'

    found = [match.rule.id for match in api.lint(wrong, regions=["eu-west-1"])]

    assert found == ["E3002"]
