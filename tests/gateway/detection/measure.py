"""Measures what the gateway blocks: each attack and each ordinary value, in every place of a request, written in every usual way.

usage: python -m tests.gateway.detection.measure [--lists first second …] [--half a|b] [--encodings plain …] [--missed]
                                                 [--json FILE] [--port PORT]

Builds the gateway's image and starts one of its own, unless --port names one that runs. A case is blocked when the answer is 403.
Prints tables of per cent: classes by places, encodings by places, and false alarms by places.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from tests.gateway.client import from_many, statuses
from tests.gateway.detection.cases import Case, made, read
from tests.gateway.detection.places import ENCODINGS, ONLY_IN, ORDINARY_IN, PLACES
from tests.gateway.detection.running import gateway

_MADE = 700


@dataclass(frozen=True)
class Sent:
    """A case as it was sent; `status` is the answer's."""

    case: Case
    place: str
    encoding: str
    text: str
    status: int = 0

    @property
    def blocked(self) -> bool:
        return self.status == 403


@dataclass
class Measured:
    attacks: list[Sent] = field(default_factory=list)
    ordinary: list[Sent] = field(default_factory=list)


def attacks(cases: Iterable[Case], encodings: Iterable[str] = ENCODINGS) -> list[Sent]:
    """Return every attack in every place where its class can do harm, in every one of the encodings."""
    return [
        Sent(case, place, encoding, text)
        for case in cases
        for encoding in (["plain"] if case.kind in ONLY_IN else encodings)
        if (text := ENCODINGS[encoding](case.kind, case.text)) is not None
        for place in PLACES
        if place in ONLY_IN.get(case.kind, PLACES)
    ]


def ordinary(cases: Iterable[Case]) -> list[Sent]:
    """Return every ordinary value in every place where people put one of its kind."""
    return [
        Sent(case, place, "plain", case.text)
        for case in cases
        for place in sorted(ORDINARY_IN.get(case.kind, ORDINARY_IN["*"]))
    ]


def answered(port: int, sent: list[Sent]) -> list[Sent]:
    """Send them to the gateway on loopback; those that cannot stand in their place are left out."""
    requests = [(one, PLACES[one.place](one.text)) for one in sent]
    possible = [(one, request) for one, request in requests if request]
    found = statuses(port, from_many(request for _, request in possible))
    return [
        Sent(one.case, one.place, one.encoding, one.text, status)
        for (one, _), status in zip(possible, found, strict=True)
    ]


def table(sent: list[Sent], row: str) -> str:
    """Return Markdown: per cent blocked by `row` (kind or encoding) and place."""
    counts: dict[str, Counter[tuple[str, bool]]] = defaultdict(Counter)
    for one in sent:
        for name in (one.case.kind if row == "kind" else one.encoding, "all"):
            for place in (one.place, "all"):
                counts[name][place, one.blocked] += 1
    places = [*(place for place in PLACES if any(one.place == place for one in sent)), "all"]
    lines = [f"| {row} | " + " | ".join(places) + " |", "|---|" + "---:|" * len(places)]
    for name in [*sorted(set(counts) - {"all"}), "all"]:
        lines.append(f"| {name} | " + " | ".join(_share(counts[name], place) for place in places) + " |")
    return "\n".join(lines)


def _share(counts: Counter[tuple[str, bool]], place: str) -> str:
    blocked, whole = counts[place, True], counts[place, True] + counts[place, False]
    return f"{100 * blocked / whole:.1f}" if whole else ""


def report(measured: Measured) -> str:
    """Return the tables: what a table of one encoding says is about the cases as they were written."""
    plain = [one for one in measured.attacks if one.encoding == "plain"]
    parts = [
        ("Attacks as written, blocked in %", plain, "kind"),
        ("Attacks in every encoding, blocked in %", measured.attacks, "encoding"),
        ("Ordinary values, blocked in %", measured.ordinary, "kind"),
    ]
    return "\n\n".join(f"### {title}\n\n{table(sent, row)}" for title, sent, row in parts if sent)


def exceptions(measured: Measured) -> str:
    """Return a line for each attack that got through and each ordinary value that did not, with the places."""
    found: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for one in measured.attacks:
        if not one.blocked:
            found["missed", one.case.kind, one.encoding, one.case.text].append(one.place)
    for one in measured.ordinary:
        if one.blocked:
            found["ALARM", one.case.kind, one.encoding, one.case.text].append(one.place)
    return "\n".join(
        f"{word} {kind} {encoding}: {text!r}  [{', '.join(places)}]"
        for (word, kind, encoding, text), places in found.items()
    )


def as_json(measured: Measured) -> str:
    return json.dumps(
        {
            name: [
                {
                    "kind": one.case.kind,
                    "text": one.case.text,
                    "place": one.place,
                    "encoding": one.encoding,
                    "status": one.status,
                }
                for one in sent
            ]
            for name, sent in (("attacks", measured.attacks), ("ordinary", measured.ordinary))
        },
        ensure_ascii=False,
    )


def measure(port: int, lists: Iterable[str], half: str | None, encodings: Iterable[str]) -> Measured:
    """Send the named lists' cases (`first`: attacks_first and ordinary_first) to a gateway on loopback."""
    bad = [case for name in lists for case in read(f"attacks_{name}")]
    good = [case for name in lists for case in read(f"ordinary_{name}")]
    good += [case for name in lists for case in made(_MADE, seed=len(name))]
    chosen = [[case for case in cases if half in (None, case.half)] for cases in (bad, good)]
    return Measured(answered(port, attacks(chosen[0], list(encodings))), answered(port, ordinary(chosen[1])))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lists", nargs="+", default=["first"])
    parser.add_argument("--half", choices=["a", "b"])
    parser.add_argument("--encodings", nargs="+", choices=list(ENCODINGS), default=list(ENCODINGS))
    parser.add_argument("--port", type=int)
    parser.add_argument("--missed", action="store_true", help="list what was missed and false alarms")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with nullcontext(options.port) if options.port else gateway() as port:
        measured = measure(port, options.lists, options.half, options.encodings)
    print(report(measured))
    if options.missed:
        print("\n" + exceptions(measured))
    if options.json:
        options.json.write_text(as_json(measured))
    strange = Counter(one.status for one in (*measured.attacks, *measured.ordinary))
    print(f"\nanswers: {dict(sorted(strange.items()))}")


if __name__ == "__main__":
    main()
