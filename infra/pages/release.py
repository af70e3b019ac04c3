"""A release's record as a page: its verdict, when each step ran, what failed and why, and what runs since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra import naming
from infra.pages.html import escape, page, pre, section, table
from infra.timeline import Span, spans_of

_VERDICTS = {"good": "good", "failed": "bad", "interrupted": "warn", "running": "warn"}
_ENDS = {
    "done": ("good", "done"),
    "failed": ("bad", "failed"),
    "skipped": ("warn", "skipped"),
    "": ("warn", "no end"),
}


def release_page(record: Mapping[str, Any]) -> str:
    """Return the page of one record."""
    spans = spans_of(record)
    return page(
        f"Release {record['release']} of {record.get('environment', {}).get('name', 'its environment')}",
        [
            section("What failed", *_failures(record)),
            section("Timeline", _timeline(spans), _not_run(record)),
            section("Images", _pairs("Image", "Tag", record.get("images", {}))),
            section("Task definitions", _pairs("Task", "Revision", _definitions(record))),
            section("Migrations", _pairs("Service", "Newest", _migrations(record))),
            section("Restore points", pre("\n".join(record.get("restore_points") or ())))
            if record.get("restore_points")
            else "",
        ],
        lead=_lead(record),
    )


def _lead(record: Mapping[str, Any]) -> str:
    verdict = str(record.get("verdict", "unknown"))
    words = [f'verdict <strong class="{_VERDICTS.get(verdict, "warn")}">{escape(verdict)}</strong>']
    words += [f"back to release {escape(str(record['back_to']))}"] if record.get("back_to") else []
    words += [f"service {escape(str(record['only']))} alone"] if record.get("only") else []
    words.append(f"by {escape(str(record.get('who')))}, {escape(str(record.get('when')))}")
    words += [f"commit {escape(str(record['commit']))}"] if record.get("commit") else []
    words += [f"{record['seconds']:.0f} s"] if "seconds" in record else []
    return f"<p>{'; '.join(words)}</p>"


def _failures(record: Mapping[str, Any]) -> Iterator[str]:
    for step, text in record.get("failures", {}).items():
        yield f"<h3>{escape(step)}</h3>\n{pre(text)}"


def _not_run(record: Mapping[str, Any]) -> str:
    names = record.get("not_run") or ()
    return f"<p>Not done because of that: {escape(', '.join(names))}</p>" if names else ""


def _timeline(spans: Sequence[Span]) -> str:
    end = max((span.ended for span in spans), default=0.0) or 1.0
    rows = []
    for span in spans:
        kind, word = _ENDS[span.end]
        rows.append(
            [
                escape(span.step),
                f'<span class="{kind}">{word}</span>',
                f"{span.began:.1f}",
                f"{span.ended - span.began:.1f}",
                _lane(span, end),
            ]
        )
    header = ("Step", "End", "Began (s)", "Took (s)", "Bar")
    return table("Seconds since the command began; bars show the same", header, rows, numbers=(2, 3))


def _lane(span: Span, end: float) -> str:
    left, width = span.began / end * 100, max(span.ended - span.began, 0) / end * 100
    kind = {"failed": "bad", "": "open"}.get(span.end, "")
    return (
        f'<div class="lane" aria-hidden="true">'
        f'<span class="{kind}" style="left:{left:.2f}%;width:{width:.2f}%"></span></div>'
    )


def _pairs(name: str, value: str, pairs: Mapping[str, str]) -> str:
    rows = [[escape(key), f"<code>{escape(text)}</code>"] for key, text in sorted(pairs.items())]
    return table(f"{name} and {value.lower()}", (name, value), rows)


def _definitions(record: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"{part.removesuffix('-release')} {key.removesuffix(naming.TASK_DEFINITION).lower()}": str(
            value
        ).rpartition("/")[2]
        for part, outputs in record.get("outputs", {}).items()
        if part.endswith("-release")
        for key, value in naming.task_definitions(outputs).items()
    }


def _migrations(record: Mapping[str, Any]) -> dict[str, str]:
    return {service: ", ".join(heads) or "none" for service, heads in record.get("migrations", {}).items()}
