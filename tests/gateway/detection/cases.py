"""What the firewall is measured with: attacks by class and ordinary values by kind, written without looking at a rule.

A case is a line; a line `## name` begins a class or kind. ␊, ␍, ␉ and ␀ stand for line feed, carriage return, tab and NUL. A list
is split in two halves by the digest of each text: rules may be mended for half `a`; half `b` is there to be measured.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
_HEADING = re.compile(r"## [a-z0-9]+")
_CONTROLS = str.maketrans({"␊": "\n", "␍": "\r", "␉": "\t", "␀": "\0"})
# The lists, `attacks_<name>` and `ordinary_<name>`, in the order in which they were written.
LISTS = ("first", "second", "third")


@dataclass(frozen=True)
class Case:
    """`kind` is an attack's class or an ordinary value's kind."""

    kind: str
    text: str

    @property
    def half(self) -> str:
        return "ab"[hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).digest()[0] & 1]


def read(name: str) -> list[Case]:
    """Return the cases of a list in this folder; raise OSError when there is none of that name."""
    kind, found = "", []
    for line in (FOLDER / f"{name}.txt").read_text(encoding="utf-8").split("\n"):
        if _HEADING.fullmatch(line):
            kind = line[3:]
        elif line:
            found.append(Case(kind, line.translate(_CONTROLS)))
    return found


def made(count: int, seed: int = 7) -> list[Case]:
    """Return `count` ids, digests, tokens, Base64 texts, amounts, dates and addresses, the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 (nothing secret)
    makers = (_identifier, _digest, _bytes, _json, _token, _address, _amount, _date, _link, _place)
    return [Case("made", text) for _ in range(count) for text in [next(chance.choice(makers)(chance))]]


def _identifier(chance: random.Random) -> Iterator[str]:
    yield chance.choice(
        [
            str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            f"{chance.getrandbits(60):x}",
            f"tt{chance.randrange(10**7):07}",
            "".join(chance.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=26)),
            f"req_{base64.urlsafe_b64encode(chance.randbytes(12)).decode()}",
            f"{chance.randrange(10**9)}-{chance.randrange(10**4)}",
        ]
    )


def _digest(chance: random.Random) -> Iterator[str]:
    name = chance.choice(["md5", "sha1", "sha256", "sha512"])
    digest = hashlib.new(name, chance.randbytes(9), usedforsecurity=False)
    yield chance.choice(
        [digest.hexdigest(), f"{name}:{digest.hexdigest()}", base64.b64encode(digest.digest()).decode()]
    )


def _bytes(chance: random.Random) -> Iterator[str]:
    raw = chance.randbytes(chance.choice([3, 8, 16, 24, 33, 64, 100, 400, 2000]))
    picture = chance.choice(
        [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff\xe0\0\x10JFIF", b"GIF89a", b"RIFF"]
    )
    yield chance.choice(
        [
            base64.b64encode(raw).decode(),
            base64.urlsafe_b64encode(raw).decode().rstrip("="),
            "data:image/png;base64," + base64.b64encode(picture + raw).decode(),
        ]
    )


def _json(chance: random.Random) -> Iterator[str]:
    said = {"id": chance.randrange(10**6), "after": f"{chance.getrandbits(40):x}", "sort": ["-year", "title"]}
    text = json.dumps(said, indent=chance.choice([None, 2]))
    yield chance.choice([text, base64.b64encode(text.encode()).decode()])


def _token(chance: random.Random) -> Iterator[str]:
    head = base64.urlsafe_b64encode(b'{"alg":"ES256","typ":"at+jwt","kid":"2026-11"}').decode().rstrip("=")
    said = base64.urlsafe_b64encode(
        json.dumps({"sub": "ana", "jti": f"{chance.getrandbits(64):x}"}).encode()
    ).decode()
    yield f"{head}.{said.rstrip('=')}.{base64.urlsafe_b64encode(chance.randbytes(64)).decode().rstrip('=')}"


def _address(chance: random.Random) -> Iterator[str]:
    first = chance.choice(
        ["ana", "o'brien", "jean-luc", "li.wei", "d'angelo", "x_y", "mc+films", "select", "or"]
    )
    last = chance.choice(["example.org", "mail.example.co.uk", "union.example", "drop.example.io"])
    yield f"{first}{chance.randrange(99)}@{last}"


def _amount(chance: random.Random) -> Iterator[str]:
    cents = chance.randrange(10**7)
    yield chance.choice(
        [
            f"${cents / 100:,.2f}",
            f"{cents / 100:.2f} EUR",
            f"-{cents % 1000}%",
            f"£{cents} - £{cents + 7}",
            f"{cents // 100}x{cents % 100}",
        ]
    )


def _date(chance: random.Random) -> Iterator[str]:
    year, month, day = chance.randrange(1900, 2030), chance.randrange(1, 13), chance.randrange(1, 29)
    yield chance.choice(
        [
            f"{year}-{month:02}-{day:02}T10:{day:02}:00Z",
            f"{day}/{month}/{year}",
            f"{day}.{month}.{year} 20:15",
            f"{year}-{month:02}-{day:02} 08:00:00+02:00",
        ]
    )


def _link(chance: random.Random) -> Iterator[str]:
    path = chance.choice(["films", "a/b.html", "p/poster.php", "index.asp", "watch"])
    query = chance.choice(
        ["", "?q=a+b&sort=-year", f"?id={chance.randrange(999)}&or=1#top", "?from=list&select=all"]
    )
    yield f"https://{chance.choice(['example.org', 'cdn.example.com:8443', 'x.example'])}/{path}{query}"


def _place(chance: random.Random) -> Iterator[str]:
    street = chance.choice(
        ["Rua d'Alegria", "O'Connell St.", "Rue de l'Église", "St. John's Rd", "Union Sq.", "Große Str."]
    )
    number = chance.choice(["", "b", "/2", "-4", ", 3º Esq.", " #5"])
    yield f"{street} {chance.randrange(300)}{number}; {chance.randrange(9999):04}"
