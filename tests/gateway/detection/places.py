"""Every place of a request in which a text can stand, and the usual ways to write a text otherwise."""

from __future__ import annotations

import base64
import json
import urllib.parse
from collections.abc import Callable
from xml.sax.saxutils import escape

from tests.gateway.client import JSON, request_bytes

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0"


def _get(path: str, **headers: str) -> bytes:
    return request_bytes(path, headers={"User-Agent": AGENT, **headers})


def _target(text: str) -> bytes | None:
    written_so = text.startswith("/") and text.isascii() and text.isprintable() and " " not in text
    return _get(text) if written_so else None


def _post(path: str, kind: str, body: bytes) -> bytes:
    return request_bytes(path, method="POST", headers={"User-Agent": AGENT, "Content-Type": kind}, body=body)


def _quote(text: str) -> str:
    return urllib.parse.quote(text.encode("utf-8", "surrogatepass"), safe="")


def _json(path: str, said: object) -> bytes:
    return _post(path, JSON["Content-Type"], json.dumps(said, ensure_ascii=False).encode())


def _header(name: str) -> Callable[[str], bytes | None]:
    def request(text: str) -> bytes | None:
        if set(text) & set("\r\n\0") or text != text.strip():
            return None  # no header can hold it
        return request_bytes("/films", headers={"User-Agent": AGENT, name: text})

    return request


def _tag(text: str) -> bytes | None:
    """In an entity tag stands anything but controls, blanks and quotes (RFC 9110, 8.8.3)."""
    stands = all(letter > " " and letter not in '"\x7f' for letter in text)
    return _get("/films", **{"If-None-Match": f'"{text}"'}) if stands else None


def _multipart(disposition: str) -> Callable[[str], bytes | None]:
    def request(text: str) -> bytes | None:
        if "filename" in disposition and set(text) & set('"\r\n'):
            return None
        head, value = (disposition.format(text), "x") if "{}" in disposition else (disposition, text)
        body = f"--cut\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n--cut--\r\n".encode()
        return _post("/films", "multipart/form-data; boundary=cut", body)

    return request


# A place is a name and what makes the request; None where the text cannot stand there.
PLACES: dict[str, Callable[[str], bytes | None]] = {
    "query": lambda text: _get(f"/films?title={_quote(text)}"),
    "query name": lambda text: _get(f"/films?{_quote(text)}=1"),
    "path": lambda text: _get(f"/films/{_quote(text)}"),
    "target": _target,
    "json": lambda text: _json("/films", {"title": text}),
    "json key": lambda text: _json("/films", {"title": "x", text: "x"}),
    "json prose": lambda text: _json("/films/1/opinions", {"text": text}),
    "form": lambda text: _post(
        "/oauth/token", "application/x-www-form-urlencoded", f"scope={_quote(text)}".encode()
    ),
    "user agent": _header("User-Agent"),
    "referer": _header("Referer"),
    "header": _header("X-Search"),
    "tag": _tag,
    "cookie": lambda text: _get("/films", Cookie=f"a=b; c={_quote(text)}"),
    "multipart": _multipart('name="field"'),
    "file name": _multipart('name="field"; filename="{}"'),
    "xml": lambda text: _post("/films", "application/xml", f"<a><b>{escape(text)}</b></a>".encode()),
    "body": lambda text: _post("/films", "text/plain", text.encode()),
}

# What a text in a language that minds its case, or of a handful of characters, may not be turned into: it would be no attack.
_ANY_CASE = {"sql", "xss", "windows"}
_SHORTEST_BASE64 = 12


def _mixed(kind: str, text: str) -> str | None:
    if kind not in _ANY_CASE or "%" in text or "\\" in text or "&" in text or ";base64" in text:
        return None
    return "".join(letter.upper() if number % 2 else letter.lower() for number, letter in enumerate(text))


def _escapes(kind: str, text: str) -> str:
    return "".join(letter if letter.isalnum() else f"\\u{ord(letter):04x}" for letter in text)


def _entities(kind: str, text: str) -> str:
    return "".join(letter if letter.isalnum() else f"&#{ord(letter)};" for letter in text)


def _base64(kind: str, text: str) -> str | None:
    return base64.b64encode(text.encode()).decode() if len(text) >= _SHORTEST_BASE64 else None


ENCODINGS: dict[str, Callable[[str, str], str | None]] = {
    "plain": lambda kind, text: text,
    "url twice": lambda kind, text: _quote(text),
    "base64": _base64,
    "escapes": _escapes,
    "entities": _entities,
    "mixed case": _mixed,
    "comments": lambda kind, text: text.replace(" ", "/**/") if kind == "sql" and "--" not in text else None,
}

# Where a class can do harm at all: a scanner's name stands in `User-Agent`, a file that it looks for is the path.
ONLY_IN = {"agent": {"user agent"}, "probe": {"target"}}
# Where an ordinary kind may stand: sentences in queries, bodies and forms; what talks of attacks in reviews alone.
ORDINARY_IN = {
    "prose": {"json prose", "query", "form"},
    "talk": {"json prose"},
    "agent": {"user agent"},
    "header": {"referer", "header"},
    "file": {"query", "json", "json prose", "form", "multipart", "file name"},
    "code": {"query", "json", "json prose", "form"},
    "maths": {"query", "json", "json prose", "form"},
    "*": {
        "query",
        "path",
        "json",
        "json prose",
        "form",
        "header",
        "tag",
        "cookie",
        "multipart",
        "file name",
        "referer",
    },
}
