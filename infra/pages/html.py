"""The frame of every page, and its tables: plain HTML that a browser, a printer and a screen reader understand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["escape", "page", "pre", "section", "table"]

# Colours of text keep a contrast of at least 4.5 to 1 on their ground, light and dark (WCAG 2.2, 1.4.3).
_STYLE = """
:root { color-scheme: light dark; --ink: #1b2330; --paper: #ffffff; --quiet: #5a6472; --line: #d4dae2;
  --good: #1a6b34; --bad: #a8201a; --warn: #7a4b00; --bar: #3d6fb4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --paper: #14181f; --quiet: #a3adba; --line: #333c48;
  --good: #6fce8d; --bad: #ff8a80; --warn: #f2bd67; --bar: #7fa9e0; } }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin-bottom: .25rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
caption { text-align: left; color: var(--quiet); padding-bottom: .25rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code, pre { font: .875rem/1.45 ui-monospace, monospace; } pre { overflow-x: auto; white-space: pre-wrap; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; } .warn { color: var(--warn); }
.quiet { color: var(--quiet); }
.lane { position: relative; min-width: 16rem; height: 1.1rem; }
.lane span { position: absolute; top: .15rem; height: .8rem; min-width: 2px; background: var(--bar); border-radius: 2px; }
.lane span.bad { background: var(--bad); } .lane span.open { outline: 2px dashed var(--warn); background: none; }
svg { max-width: 100%; height: auto; }
@media print { body { margin: 0; max-width: none; } }
"""


def page(title: str, parts: Iterable[str], *, lead: str = "") -> str:
    """Return a whole page. `lead` and `parts` are HTML, the title is text."""
    body = "\n".join(parts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{lead}
{body}
</main>
</body>
</html>
"""


def section(heading: str, *parts: str) -> str:
    """Return a section; nothing where it would be empty."""
    inside = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(heading)}</h2>\n{inside}\n</section>" if inside else ""


def table(
    caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = ()
) -> str:
    """Return a table of cells that are HTML; the first of a row names it. `numbers` are columns of figures."""
    found = list(rows)
    if not found:
        return ""

    def cell(tag: str, column: int, text: str, scope: str = "") -> str:
        kind = ' class="number"' if column in numbers else ""
        return f"<{tag}{scope}{kind}>{text}</{tag}>"

    head = "".join(cell("th", place, escape(text), ' scope="col"') for place, text in enumerate(header))
    body = "\n".join(
        "<tr>"
        + cell("th", 0, row[0], ' scope="row"')
        + "".join(cell("td", place, text) for place, text in enumerate(row[1:], start=1))
        + "</tr>"
        for row in found
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}">\n<table>\n'
        f"<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def pre(text: str) -> str:
    """Return text as it stands."""
    return f"<pre>{escape(text)}</pre>"
