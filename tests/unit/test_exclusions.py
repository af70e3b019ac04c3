"""`x-firewall` in a service's description: what the firewall does not know is refused when the configuration is read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.config import load
from infra.config.exclusions import RULES, firewall_rules, misspelt_exclusions
from infra.errors import ConfigurationError
from tests.builders import ROOT, project_files, write_tree

WHERE = "services/shop/openapi.json: POST /boats: x-firewall"
LUA = """
return {
    class = "%s",
    forms = {"text"},
    rules = {
        {id = "%s", score = 5, pattern = "x", hit = "x", miss = "y"},
        {id = "%s", score = 5, pattern = "y", hit = "y", miss = "x"},
    },
}
"""


def project(tmp_path: Path, given: Any) -> Path:
    """A project whose shop excludes `given`, before a firewall of four rules in two classes."""
    document = {"paths": {"/boats": {"parameters": [], "get": {}, "post": {"x-firewall": given}}}}
    rules = {
        f"{RULES}/sql.lua": LUA % ("sql", "sql.union", "sql.columns-from"),
        f"{RULES}/structured.lua": LUA % ("structured", "nosql.operator", "ldap.filter"),
    }
    return write_tree(
        tmp_path, {**project_files(), **rules, "services/shop/openapi.json": json.dumps(document)}
    )


@pytest.mark.parametrize(
    "given",
    [
        {}, {"exclude": []}, {"mode": "detect"}, {"exclude": ["sql", "nosql.operator"]},
        {"fields": {"text": ["sql.union"], "note": ["structured", "ldap.filter"]}},
    ],
)  # fmt: skip
def test_rules_and_classes_that_there_are_may_be_excluded(tmp_path: Path, given: Any) -> None:
    assert misspelt_exclusions(project(tmp_path, given)) == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"fields": {"text": ["sql", "sql.unoin"]}},
            ".fields.text: the firewall has no rule or class 'sql.unoin'; the nearest is 'sql.union'",
        ),
        (
            {"exclude": ["structure"]},
            ".exclude: the firewall has no rule or class 'structure'; the nearest is 'structured'",
        ),
        (
            {"exclude": ["everything"]},
            ".exclude: the firewall has no rule or class 'everything'; the classes are sql and structured",
        ),
        ({"exclude": "sql"}, ".exclude: should be a list of the firewall's rules and classes"),
        ({"fields": ["text"]}, ".fields: should be a table of lists by field"),
        ({"fields": {"text": [1]}}, ".fields.text: should be a list of the firewall's rules and classes"),
        ({"mode": "of"}, ".mode: should be one of block, detect, off (is 'of')"),
        ({"field": {}}, ".field: is not a known key; there are exclude, fields and mode"),
        (["sql"], ": should be a table with exclude, fields and mode"),
    ],
)
def test_a_mistake_is_told_with_file_operation_and_key(tmp_path: Path, given: Any, problem: str) -> None:
    assert misspelt_exclusions(project(tmp_path, given)) == [WHERE + problem]


def test_mistakes_are_told_all_at_once_and_with_those_of_the_manifests(tmp_path: Path) -> None:
    root = project(tmp_path, {"mode": "of", "exclude": ["sqll"]})
    (root / "services/shop/service.toml").write_text("colour = 1\n")

    with pytest.raises(ConfigurationError) as caught:
        load(root, "local")

    told = "\n".join(caught.value.problems)
    assert f"{WHERE}.mode: " in told
    assert f"{WHERE}.exclude: the firewall has no rule or class 'sqll'; the nearest is 'sql'" in told
    assert "services/shop/service.toml: colour: is not a known key" in told


def test_a_document_that_cannot_be_read_is_told_by_its_name(tmp_path: Path) -> None:
    root = project(tmp_path, {})
    (root / "services/shop/openapi.json").write_text('{"x-firewall"')

    [problem] = misspelt_exclusions(root)

    assert problem.startswith("services/shop/openapi.json: is not valid JSON: ")


def test_every_rule_of_the_gateways_own_is_known() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / RULES).glob("*.lua")]
    written = sum(len(re.findall(r"\bscore = \d", text)) for text in texts)

    known = firewall_rules(ROOT / RULES)

    rules = {name for name in known if "." in name}
    assert len(rules) == written
    assert known - rules == {
        "command", "path", "probe", "protocol", "scanner", "sql", "structured", "template", "xss",
    }  # fmt: skip
