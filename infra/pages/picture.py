"""A topology as a picture: SVG with a text for who cannot see it, and a page with the same as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from infra.pages.html import escape, page, section, table
from infra.topology import NOT_THERE, Part, Topology, layers

WIDTH, HEIGHT, ACROSS, DOWN, EDGE = 200, 46, 90, 18, 24
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b2330; } .small { font-size: 11px; fill: #4a5462; }
rect { fill: #fff; stroke: #4a5462; stroke-width: 1.2; } rect.there { stroke: #1a6b34; }
rect.absent { stroke-dasharray: 5 4; } rect.wrong { stroke: #a8201a; stroke-width: 2.5; }
path { fill: none; stroke: #7c8797; stroke-width: 1; } .ground { fill: #f6f8fa; stroke: none; }
"""

Places = Mapping[str, tuple[int, int]]


def picture(found: Topology) -> str:
    """Return the stacks in columns from left to right, a line from each to what it feeds."""
    columns = layers(found)
    places = {
        part: (EDGE + column * (WIDTH + ACROSS), EDGE + row * (HEIGHT + DOWN))
        for column, parts in enumerate(columns)
        for row, part in enumerate(parts)
    }
    width = 2 * EDGE + len(columns) * (WIDTH + ACROSS) - ACROSS
    height = 2 * EDGE + max(map(len, columns), default=1) * (HEIGHT + DOWN) - DOWN
    lines = "\n".join(_lines(found, places))
    boxes = "\n".join(_box(one, places[one.part]) for one in found.parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"
 role="img" aria-labelledby="title description">
<title id="title">Stacks of {escape(found.environment)}</title>
<desc id="description">{escape(_description(found))}</desc>
<style>{_STYLE}</style>
<rect class="ground" width="{width}" height="{height}"/>
{lines}
{boxes}
</svg>
"""


def picture_page(found: Topology) -> str:
    """Return a page with the picture, and all that it shows as tables."""
    stacks = (
        [escape(one.part), escape(one.name), escape(one.status or "not looked at")] for one in found.parts
    )
    feeds = (
        [escape(one.source), escape(one.target), escape(", ".join(one.outputs))] for one in found.references
    )
    services = (
        [
            escape(one.name) + (" (public)" if one.public else ""),
            escape(one.description),
            escape(one.tasks),
            escape(", ".join(one.has)),
            escape("; ".join(f"{name}: {', '.join(scopes)}" for name, scopes in one.calls)),
        ]
        for one in found.members
    )
    return page(
        f"{found.environment}: stacks and services",
        [
            section("Picture", picture(found)),
            section("Stacks", table("Each stack and its state", ("Stack", "Name", "State"), stacks)),
            section(
                "References", table("Outputs that travel as parameters", ("From", "To", "Outputs"), feeds)
            ),
            section(
                "Services",
                table(
                    "Who calls whom",
                    ("Service", "What it is", "Tasks", "Has", "Calls (with scopes)"),
                    services,
                ),
            ),
        ],
        lead=f"<p>{escape(found.note)}</p>" if found.note else "",
    )


def _lines(found: Topology, places: Places) -> Iterator[str]:
    for one in found.references:
        if one.source in places and one.target in places:
            (x, y), (right, down) = places[one.source], places[one.target]
            begin, end = (x + WIDTH, y + HEIGHT // 2), (right, down + HEIGHT // 2)
            bend = (end[0] - begin[0]) // 2
            yield (
                f'<path d="M{begin[0]} {begin[1]} C{begin[0] + bend} {begin[1]} {end[0] - bend} {end[1]} {end[0]} {end[1]}">'
                f"<title>{escape(one.source)} to {escape(one.target)}: {escape(', '.join(one.outputs))}</title></path>"
            )


def _box(one: Part, place: tuple[int, int]) -> str:
    x, y = place
    return (
        f'<g transform="translate({x} {y})"><rect class="{_kind(one.status)}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
        f'<text x="10" y="19">{escape(one.part)}</text>'
        f'<text class="small" x="10" y="36">{escape(one.status.lower().replace("_", " ") or "as the files say")}</text></g>'
    )


def _kind(status: str) -> str:
    if status in ("", NOT_THERE):
        return "absent"
    return "wrong" if "ROLLBACK" in status or "FAILED" in status else "there"


def _description(found: Topology) -> str:
    feeds = "; ".join(f"{one.source} feeds {one.target}" for one in found.references)
    return f"{len(found.parts)} stacks. {feeds}."
