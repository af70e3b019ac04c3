"""What a revision's SQL may not do to a database that serves, and the one way past a rule. Pure: text in, findings out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from infra.migrations.compatibility import OnlyAfter, knows

# Squawk's opinions on types and style; none of these locks, rewrites, drops or renames anything.
OPINIONS = (
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-robust-stmts",  # leftovers are removed by the migrator itself
    "prefer-text-field",
    "prefer-timestamptz",
    "ban-char-field",
    "ban-create-domain-with-constraint",
)

# What takes data away that no later revision brings back.
DESTRUCTIVE = frozenset(
    {
        "ban-drop-column",
        "ban-drop-table",
        "ban-drop-schema",
        "ban-drop-database",
        "ban-drop-sequence",
        "ban-truncate",
        "ban-truncate-cascade",
        "changing-column-type",
        "changing-rows",
        "not-rendered",
    }
)

_ALLOW = re.compile(r"^[ \t]*#[ \t]*allow ([a-z-]+):[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_TEXT = re.compile(r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|(--[^\n]*|/\*.*?\*/)", re.DOTALL)
_OWN_RULES = (
    (
        "changing-rows",
        re.compile(r"^(UPDATE|DELETE FROM|MERGE INTO)\s+(?!alembic_version\b)", re.IGNORECASE),
        "It holds every row that it changes locked until it commits; move rows with chassis.batches.",
    ),
    (
        "ban-truncate",
        re.compile(r"^TRUNCATE\b(?!.*\bCASCADE\b)", re.IGNORECASE | re.DOTALL),
        "It takes an ACCESS EXCLUSIVE lock and every row of the table.",
    ),
    (
        "locking-table",
        re.compile(r"^LOCK\s", re.IGNORECASE),
        "It keeps others from the table until the revision commits.",
    ),
    (
        "rewriting-table",
        re.compile(
            r"^(VACUUM\s+\(?\s*FULL|CLUSTER\b|REFRESH MATERIALIZED VIEW (?!CONCURRENTLY)"
            r"|ALTER TABLE .*\bSET (UN)?LOGGED\b|ALTER TABLE .*\bSET TABLESPACE\b)",
            re.IGNORECASE | re.DOTALL,
        ),
        "It rewrites the table under an ACCESS EXCLUSIVE lock.",
    ),
)


@dataclass(frozen=True)
class Revision:
    """A revision as it would run: `problem` is why its SQL cannot be told; `allowed` holds its reasons by rule.

    `only_after` is the revision that the code must know that serves when this one runs.
    """

    service: str
    id: str
    after: str | None
    file: str
    sql: str
    problem: str = ""
    allowed: Mapping[str, str] = field(default_factory=dict)
    only_after: OnlyAfter | None = None


@dataclass(frozen=True)
class Finding:
    """A rule that a revision breaks; `statement` is the first line of what breaks it."""

    service: str
    revision: str
    file: str
    rule: str
    message: str
    statement: str = ""
    reason: str = ""
    """Why the revision is allowed to, in its author's words; empty where nothing allows it."""

    @property
    def sentence(self) -> str:
        """One finding for a person, with the way past it."""
        return f"{self.file}: {self.broken}; {self.way}"

    @property
    def broken(self) -> str:
        """The rule, what it is for, and what breaks it."""
        return f"{self.rule}: {self.message}{f' ({self.statement})' if self.statement else ''}"

    @property
    def way(self) -> str:
        """What to do about it."""
        if self.rule == "unused-allow":
            return "take the comment away"
        if self.rule == "only-after-unknown":
            return "name an older revision of this service"
        if self.rule == "too-early":
            return "deploy the release that ends before this revision first"
        return f'if it must be, say why in the revision: "# allow {self.rule}: ..."'


def allowances(source: str) -> dict[str, str]:
    """Return the reasons by rule from a revision's comments: `# allow ban-drop-column: nobody reads it since 0004`."""
    return {rule: reason for rule, reason in _ALLOW.findall(source)}


def own_findings(revision: Revision) -> Iterator[Finding]:
    """What squawk has no rule for."""
    if revision.problem:
        yield _finding(revision, "not-rendered", f"It {revision.problem}, so nobody can look at it before.")
    for statement in statements(revision.sql):
        for rule, pattern, message in _OWN_RULES:
            if pattern.match(statement):
                yield _finding(revision, rule, message, statement)


def squawk_finding(revision: Revision, rule: str, message: str, line: int) -> Finding:
    """Return a finding of squawk's; `line` counts from 0."""
    lines = revision.sql.splitlines()
    return _finding(revision, rule, message, lines[line].strip() if line < len(lines) else "")


def judged(revision: Revision, findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return a revision's findings with its author's reasons, and one for each reason that excuses nothing."""
    broken = {finding.rule for finding in findings}
    unused = [
        _finding(revision, "unused-allow", f"It allows {rule}, which it does not break")
        for rule in revision.allowed
        if rule not in broken
    ]
    return (*findings, *unused)


def misplaced(revision: Revision, line: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding where the comment names no older one of the service's revisions, `line`, oldest first."""
    said = revision.only_after
    if said is not None and said.revision not in line[: line.index(revision.id)]:
        yield _finding(
            revision, "only-after-unknown", f"No revision {said.revision} comes before it.", said.words
        )


def too_early(revision: Revision, line: Sequence[str], head: str | None) -> Iterator[Finding]:
    """Yield a finding where the code that serves, whose newest revision is `head`, still needs what it takes away."""
    said = revision.only_after
    if said is not None and not knows(line, head, said.revision):
        code = f"now that of {head} does" if head else "no release record tells which one does"
        message = f"It may run only where the code of {said.revision} serves, and {code}."
        yield _finding(revision, "too-early", message, said.words)


def stopping(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings that nothing allows."""
    return tuple(finding for finding in findings if not finding.reason)


def destructive(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings after which there is no way back without a copy, whether they are allowed or not."""
    return tuple(finding for finding in findings if finding.rule in DESTRUCTIVE)


def statements(sql: str) -> list[str]:
    """Split a script at its semicolons; function bodies, strings and comments are emptied first."""
    plain = _TEXT.sub(lambda found: "" if found.group(2) else "''", sql)
    return [part.strip() for part in plain.split(";") if part.strip()]


def _finding(revision: Revision, rule: str, message: str, statement: str = "") -> Finding:
    first = next(iter(statement.splitlines()), "")
    return Finding(
        revision.service,
        revision.id,
        revision.file,
        rule,
        message,
        first if len(first) <= 100 else f"{first[:97]}...",
        revision.allowed.get(rule, ""),
    )
