"""The account stack: what environments share, and how little CI's role may do to it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from infra import stacks
from infra.stacks import Resolved
from tests.shipyard import SHIPYARD, config, properties, stack, template


def _statements(policy: str) -> list[dict[str, Any]]:
    found = {item["PolicyName"]: item for item in properties("staging", "account", "DeployRole")["Policies"]}
    statements: list[dict[str, Any]] = found[policy]["PolicyDocument"]["Statement"]
    return statements


def test_its_name_is_that_of_the_project_alone() -> None:
    assert stack("staging", "account").name == "shipyard-account"


def test_the_state_bucket_is_private_versioned_and_encrypted() -> None:
    bucket = properties("staging", "account", "StateBucket")
    rules = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert bucket["BucketName"] == "shipyard-111122223333-eu-west-1-state"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert rules == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]


def test_versions_of_locks_do_not_pile_up() -> None:
    rules = properties("staging", "account", "StateBucket")["LifecycleConfiguration"]["Rules"]

    assert {
        rule["Prefix"]: rule["NoncurrentVersionExpiration"]["NoncurrentDays"]
        for rule in rules
        if "Prefix" in rule
    } == {"locks/": 1, "ignition/": 30, "releases/": 90}


def test_tags_of_images_never_move() -> None:
    repository = properties("staging", "account", "Repository")

    assert repository["RepositoryName"] == "shipyard"
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert '"tagStatus": "untagged"' in repository["LifecyclePolicy"]["LifecyclePolicyText"]
    assert '"tagStatus": "tagged"' not in repository["LifecyclePolicy"]["LifecyclePolicyText"]


def test_an_account_whose_images_live_elsewhere_has_no_repository() -> None:
    assert "Repository" not in template("production", "account")["Resources"]


def test_what_only_aws_knows_is_looked_up() -> None:
    parameters = stack("staging", "account").parameters
    linked = {name: value for name, value in parameters.items() if name.endswith("LinkedRoleMissing")}

    assert len(linked) == 7
    assert linked["EcsLinkedRoleMissing"] == Resolved("service-linked-role-missing:ecs.amazonaws.com")
    assert parameters["GithubProviderArn"] == Resolved("oidc-provider:token.actions.githubusercontent.com")
    assert parameters["GithubRepository"] == Resolved("github-repository")
    assert parameters["PullingAccounts"] == Resolved("pulling-accounts")


def test_what_a_later_bootstrap_finds_there_is_not_deleted() -> None:
    resources = template("staging", "account")["Resources"]
    once = [one for one in resources.values() if one.get("Condition") and one["Type"] != "AWS::IAM::Role"]

    assert len(once) == 8
    assert {one["DeletionPolicy"] for one in once} == {"Retain"}


def test_ci_makes_roles_only_under_the_projects_path_and_with_the_boundary() -> None:
    creating, *rest = _statements("roles")
    roles = {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/shipyard/*"}
    boundary = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/shipyard-boundary-eu-west-1"

    assert creating["Resource"] == roles
    assert creating["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": {"Fn::Sub": boundary}}}
    assert "iam:CreateRole" not in [action for statement in rest for action in statement["Action"]]
    assert "iam:DeleteRolePermissionsBoundary" not in str(_statements("roles"))
    assert properties("staging", "account", "DeployRole")["Path"] == "/shipyard-account/"


def test_ci_never_deploys_the_account_stack() -> None:
    denied = [statement for statement in _statements("stacks") if statement["Effect"] == "Deny"]
    stacks = "arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/shipyard-account/*"

    assert denied[0] == {
        "Effect": "Deny",
        "NotAction": ["cloudformation:Describe*", "cloudformation:Get*", "cloudformation:List*"],
        "Resource": {"Fn::Sub": stacks},
    }


def test_a_protected_environment_is_deployed_from_main_or_under_its_own_name() -> None:
    def subjects(environment: str) -> list[str]:
        document = properties(environment, "account", "DeployRole")["AssumeRolePolicyDocument"]
        condition = document["Statement"][0]["Condition"]["StringLike"]
        return [entry["Fn::Sub"] for entry in condition["token.actions.githubusercontent.com:sub"]]

    assert subjects("staging") == ["repo:${GithubRepository}:*"]
    assert subjects("production") == [
        "repo:${GithubRepository}:ref:refs/heads/main",
        "repo:${GithubRepository}:environment:production",
    ]


def test_an_accounts_stack_is_the_same_whichever_of_its_environments_it_is_made_for(tmp_path: Path) -> None:
    shutil.copytree(SHIPYARD, tmp_path / "shipyard")
    production = tmp_path / "shipyard/infra/environments/production.toml"
    production.write_text(production.read_text().replace("444455556666", "111122223333"))

    first, *others = (
        stacks.account(config(name, tmp_path / "shipyard"))
        for name in ("production", "staging", "coreos", "fargate")
    )

    assert "environment:production" in first.template
    assert [other.template for other in others] == [first.template] * 3


def test_the_boundary_knows_nothing_of_iam() -> None:
    statements = properties("staging", "account", "Boundary")["PolicyDocument"]["Statement"]
    actions = [action for statement in statements for action in statement["Action"]]

    assert not [action for action in actions if action.startswith(("iam:", "sts:", "organizations:", "*"))]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
