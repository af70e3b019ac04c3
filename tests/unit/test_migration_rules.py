"""Which revisions stop a deploy, what excuses them, and which ones want a copy of the data first."""

from dataclasses import replace

import pytest

from infra.errors import Refused
from infra.migrations.compatibility import OnlyAfter, knows, only_after, serving_head
from infra.migrations.judgement import Verdict, lint, pending
from infra.migrations.revisions import Revision as Listed
from infra.migrations.revisions import left_behind
from infra.migrations.rules import Finding, Revision, allowances, statements

HEAD = "SET lock_timeout = '2s';\nSET statement_timeout = '300s';\nBEGIN;\n"
FILE = "services/shop/migrations/versions/0002_x.py"


def revision(sql: str, **changes: object) -> Revision:
    return replace(Revision("shop", "0002", "0001", FILE, f"{HEAD}{sql};\nCOMMIT;\n"), **changes)


def found(sql: str, **changes: object) -> Verdict:
    one = revision(sql, **changes)
    return Verdict((one,), lint((one,), "17"))


def rules(sql: str) -> list[str]:
    return [finding.rule for finding in found(sql).findings]


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("ALTER TABLE a RENAME COLUMN b TO c", "renaming-column"),
        ("ALTER TABLE a RENAME TO b", "renaming-table"),
        ("ALTER TABLE a DROP COLUMN b", "ban-drop-column"),
        ("DROP TABLE a", "ban-drop-table"),
        ("ALTER TABLE a ALTER COLUMN b TYPE text", "changing-column-type"),
        ("ALTER TABLE a ALTER COLUMN b SET NOT NULL", "adding-not-nullable-field"),
        ("ALTER TABLE a ADD COLUMN b text NOT NULL", "adding-required-field"),
        ("ALTER TABLE a ADD COLUMN b timestamptz DEFAULT clock_timestamp()", "adding-field-with-default"),
        ("CREATE INDEX i ON a (b)", "require-concurrent-index-creation"),
        ("DROP INDEX i", "require-concurrent-index-deletion"),
        ("ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0)", "constraint-missing-not-valid"),
        ("update a SET b = 1", "changing-rows"),
        ("DELETE FROM a", "changing-rows"),
        ("TRUNCATE a", "ban-truncate"),
        ("LOCK TABLE a", "locking-table"),
        ("CLUSTER a", "rewriting-table"),
        ("VACUUM (FULL) a", "rewriting-table"),
        ("ALTER TABLE a\n SET UNLOGGED", "rewriting-table"),
        ("REFRESH MATERIALIZED VIEW a", "rewriting-table"),
    ],
)
def test_what_locks_rewrites_drops_or_renames_is_found(sql: str, rule: str) -> None:
    assert rule in rules(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE a (id bigint PRIMARY KEY, b text NOT NULL, c smallint); CREATE INDEX i ON a (b)",
        "ALTER TABLE a ADD COLUMN b integer DEFAULT 0 NOT NULL",
        "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0) NOT VALID",
        "ALTER TABLE a VALIDATE CONSTRAINT c",
        "COMMIT; CREATE INDEX CONCURRENTLY i ON a (b); BEGIN",
        "INSERT INTO a (b) VALUES ('x; UPDATE a SET b = 1') ON CONFLICT DO NOTHING",
        "UPDATE alembic_version SET version_num = '0002'",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN; UPDATE a SET b = 1; RETURN NEW; END $$",
    ],
)
def test_what_disturbs_nobody_is_fine(sql: str) -> None:
    assert rules(sql) == []


def test_a_finding_stops_with_the_file_the_rule_the_statement_and_the_way_past() -> None:
    with pytest.raises(Refused) as refusal:
        found("ALTER TABLE a DROP COLUMN b").refuse()

    assert str(refusal.value) == (
        "migrations that would disturb what serves; nothing was changed:\n"
        f"{FILE}: ban-drop-column: Dropping a column may break existing clients. (ALTER TABLE a DROP COLUMN b;); "
        'if it must be, say why in the revision: "# allow ban-drop-column: ..."'
    )
    assert refusal.value.exit_code == 3


def test_a_comment_with_a_reason_is_the_only_way_past() -> None:
    source = "# allow ban-drop-column: nothing reads it since 0001\n# allow renaming-table:\n"
    reasons = allowances(source)

    verdict = found("ALTER TABLE a DROP COLUMN b", allowed=reasons)

    assert reasons == {"ban-drop-column": "nothing reads it since 0001"}
    verdict.refuse()
    assert [finding.reason for finding in verdict.findings] == ["nothing reads it since 0001"]


def test_a_reason_that_excuses_nothing_stops_too() -> None:
    verdict = found("SELECT 1", allowed={"ban-drop-table": "because"})

    with pytest.raises(Refused, match="unused-allow: It allows ban-drop-table, which it does not break"):
        verdict.refuse()


def test_a_revision_that_cannot_be_rendered_is_a_finding() -> None:
    verdict = found("", problem="cannot be rendered as SQL: it moves rows in batches")

    assert [(finding.rule, finding.message) for finding in verdict.findings] == [
        (
            "not-rendered",
            "It cannot be rendered as SQL: it moves rows in batches, so nobody can look at it before.",
        )
    ]


def test_what_takes_data_away_wants_a_restore_point_even_where_it_is_allowed() -> None:
    dropping = found("ALTER TABLE a DROP COLUMN b", allowed={"ban-drop-column": "unused"})
    adding = found("CREATE INDEX i ON a (b)")

    assert dropping.restore_point == ("shop 0002: ban-drop-column",)
    assert adding.restore_point == ()


def test_pending_is_what_follows_the_recorded_head() -> None:
    chain = tuple(
        Revision(service, number, None, "", "") for service in ("a", "b") for number in ("1", "2", "3")
    )

    def after(**heads: str | None) -> list[str]:
        return [f"{one.service}{one.id}" for one in pending(chain, heads)]

    assert after(a="1", b="3") == ["a2", "a3"]
    assert after(a=None) == ["a1", "a2", "a3"]
    assert after(b="2") == ["b3"], "a has no database yet"
    assert after(a="9", b="3") == [], "a's database is newer than this code"


def test_statements_leave_out_what_is_only_quoted() -> None:
    assert statements("SELECT 'a;b'; -- c;d\nSELECT $x$ ; $x$; /* ; */") == ["SELECT ''", "SELECT ''"]


def test_a_sentence_shortens_a_long_statement() -> None:
    finding: Finding = found(f"DROP TABLE {'a' * 200}").findings[0]

    assert len(finding.statement) == 100


CONTRACT = OnlyAfter("0002", "its code reads b alone")


def test_a_revision_says_which_code_can_do_without_what_it_takes_away() -> None:
    assert only_after("# only after 0002: its code reads b alone\n") == CONTRACT
    assert only_after("# only after 0002:\n") is None, "a reason is part of it"


def test_code_knows_the_revisions_up_to_its_own() -> None:
    line = ("0001", "0002", "0003")

    assert knows(line, "0002", "0002")
    assert not knows(line, "0001", "0002")
    assert knows(line, "0009", "0002"), "newer code than this"
    assert not knows(line, None, "0002")


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ("0001", "It may run only where the code of 0002 serves, and now that of 0001 does."),
        (None, "It may run only where the code of 0002 serves, and no release record tells which one does."),
    ],
)
def test_a_contraction_is_refused_while_code_serves_that_needs_the_old(
    head: str | None, sentence: str
) -> None:
    third = revision("SELECT 1", id="0003", only_after=CONTRACT)
    verdict = Verdict((third,), (), {"shop": ("0001", "0002", "0003")})

    with pytest.raises(Refused) as refusal:
        verdict.serving({"shop": head}).refuse()

    assert str(refusal.value).endswith(
        f"{FILE}: too-early: {sentence} (only after 0002: its code reads b alone); "
        "deploy the release that ends before this revision first"
    )


def test_a_contraction_may_run_once_the_code_serves_that_it_waited_for_or_nothing_serves() -> None:
    third = revision("SELECT 1", id="0003", only_after=CONTRACT)
    verdict = Verdict((third,), (), {"shop": ("0001", "0002", "0003")})

    assert verdict.choosy == ("shop",)
    assert verdict.serving({"shop": "0002"}).findings == ()
    assert verdict.serving({}).findings == ()


def record(release: str, head: str, task: str, verdict: str = "good", **more: object) -> dict[str, object]:
    parameters = {"shop": {"WebTaskDefinition": task, "Vpc": release}} if task else {}
    return {"verdict": verdict, "migrations": {"shop": [head]}, "parameters": parameters, **more}


def test_the_code_that_serves_is_that_of_the_release_which_brought_its_task_definitions() -> None:
    records = [
        record("1", "0001", "web:1"),
        record("2", "0002", "web:2"),
        record("3", "0003", "web:2", "failed"),
        record("4", "0003", "web:2", only="tokens"),
    ]

    def head(task: str) -> str | None:
        return serving_head(records, "shop", {"WebTaskDefinition": task, "Vpc": "v"})

    assert (head("web:1"), head("web:2")) == ("0001", "0002")
    assert head("web:9") == "0002", "a deploy that was killed before it wrote its own"
    assert serving_head([], "shop", {"WebTaskDefinition": "web:1"}) is None
    assert serving_head([record("1", "0001", "", "running")], "shop", {"WebTaskDefinition": "web:1"}) is None


def test_old_code_is_left_behind_by_a_contraction_that_ran() -> None:
    found = (Listed("0001", ()), Listed("0002", ("0001",)), Listed("0003", ("0002",), only_after=CONTRACT))

    assert left_behind(found, "0003", "0001") == (("0003", CONTRACT),)
    assert left_behind(found, "0003", None) == (("0003", CONTRACT),)
    assert left_behind(found, "0003", "0002") == ()
    assert left_behind(found, "0002", "0001") == (), "it was taken back, or did not run yet"
    assert left_behind(found, "0009", "0001") == (), "these files do not know that revision"
