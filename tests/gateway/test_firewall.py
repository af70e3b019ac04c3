"""The firewall in the built image: attacks of every class in every place, what it lets through, how it fails."""

import base64
import json
import urllib.parse
from collections.abc import Callable

import pytest

from tests.gateway.client import JSON, Answer, ask_raw, request_bytes
from tests.gateway.conftest import Gateway

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ATTACKS = {
    "sql": "1' or '1'='1",
    "xss": "<img src=x onerror=alert(1)>",
    "path": "../../../etc/passwd",
    "command": "; cat /etc/hosts",
    "template": "{{7*7}}",
    "structured": "*)(uid=*))(|(uid=*",
    "protocol": "${jndi:ldap://x.example/a}",
}


def blocked(gateway: Gateway, answer: Answer) -> str:
    """Return the class for which an answer was a refusal by the firewall, or what else it was."""
    if answer.status != 403:
        return f"answered with {answer.status}"
    return str(gateway.line("audit", answer)["rules"][-1]["class"])


def multipart(value: str, *, name: str = "field") -> tuple[dict[str, str], bytes]:
    body = f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n--cut--\r\n'
    return {"Content-Type": "multipart/form-data; boundary=cut"}, body.encode()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@pytest.mark.parametrize(
    "place", ["query", "path", "header", "cookie", "form", "json", "key", "multipart", "name", "raw"]
)
def test_an_attack_is_refused_wherever_it_stands(gateway: Gateway, attack: str, place: str) -> None:
    quoted = urllib.parse.quote(attack, safe="")
    requests = {
        "query": lambda: gateway.ask(f"/films?title={quoted}"),
        "path": lambda: gateway.ask(f"/{quoted}"),
        "header": lambda: gateway.ask("/films", headers={"X-Search": attack}),
        "cookie": lambda: gateway.ask("/films", headers={"Cookie": f"a=b; c={quoted}"}),
        "form": lambda: gateway.ask("/films", method="POST", headers=FORM, body=f"title={quoted}".encode()),
        "json": lambda: gateway.ask(
            "/films", method="POST", headers=JSON, body=json.dumps({"title": attack}).encode()
        ),
        "key": lambda: gateway.ask(
            "/films", method="POST", headers=JSON, body=json.dumps({attack: 1}).encode()
        ),
        "multipart": lambda: _send(gateway, multipart(attack)),
        "name": lambda: _send(gateway, multipart("x", name=attack.replace('"', "'"))),
        "raw": lambda: gateway.ask("/films", method="POST", body=attack.encode()),
    }

    answer = requests[place]()

    assert answer.status == 403
    assert answer.json["title"] == "Forbidden"


def _send(gateway: Gateway, request: tuple[dict[str, str], bytes]) -> Answer:
    return gateway.ask("/films", method="POST", headers=request[0], body=request[1])


ENCODED = {
    "twice": urllib.parse.quote(urllib.parse.quote("<script>alert(1)</script>", safe=""), safe=""),
    "entities": urllib.parse.quote("&lt;script&gt;alert(1)&lt;/script&gt;"),
    "numbers": urllib.parse.quote("&#60;script&#x3e;alert(1)"),
    "javascript": urllib.parse.quote(r"\u003cscript\x3ealert(1)"),
    "base64": base64.b64encode(b"<script>alert(1)</script>").decode(),
    "base64-flat": base64.b64encode(b"1' union select name from users").decode().rstrip("="),
    "base64-twice": base64.b64encode(base64.b64encode(b"<script>alert(1)</script>")).decode(),
    "overlong": "%c0%ae%c0%ae%c0%af%c0%ae%c0%ae%c0%afetc%c0%afpasswd",
    "full width": urllib.parse.quote("＜script＞alert(1)"),
    "comments": urllib.parse.quote("1/**/un/**/ion/**/sel/**/ect/**/1,2"),
    "executable comment": urllib.parse.quote("1 /*!50000union*/ /*!select*/ 1,2"),
    "case": urllib.parse.quote("1 uNiOn SeLeCt 1,2"),
    "null byte": "shell.php%00.jpg",
    "shell quotes": urllib.parse.quote(";c'a't /et\"c/pas\"swd"),
    "long": "A" * 20000 + urllib.parse.quote("' union select 1,2 -- "),
}


@pytest.mark.parametrize("encoded", ENCODED.values(), ids=ENCODED)
def test_an_attack_is_found_under_an_encoding(gateway: Gateway, encoded: str) -> None:
    answer = gateway.ask(f"/films?title={encoded}")

    assert answer.status == 403


# Ways of writing a body in which a reader may see another text than the firewall.
_PART = 'Content-Disposition: form-data; name="a"'
_BODIES = {
    "in chunks": (
        {**JSON, "Transfer-Encoding": "chunked"},
        b"11\r\n{\"title\": \"1' or \r\na\r\n'1'='1' \"}\r\n0\r\n\r\n",
    ),
    "without an end": (
        {"Content-Type": "multipart/form-data; boundary=x"},
        f"--x\r\n{_PART}\r\n\r\n1' or '1'='1".encode(),
    ),
    "with two boundaries": (
        {"Content-Type": "multipart/form-data; boundary=x; boundary=y"},
        f"--y\r\n{_PART}\r\n\r\n1' or '1'='1\r\n--y--".encode(),
    ),
    "in a part's Base64": (
        {"Content-Type": "multipart/form-data; boundary=x"},
        f"--x\r\n{_PART}\r\nContent-Transfer-Encoding: base64\r\n\r\nMScgb3IgJzEnPScx\r\n--x--".encode(),
    ),
    "in an encoded file name": (
        {"Content-Type": "multipart/form-data; boundary=x"},
        f"--x\r\n{_PART}; filename*=UTF-8''%3Cscript%3Ealert(1)\r\n\r\nx\r\n--x--".encode(),
    ),
    "in a bare file name": (
        {"Content-Type": "multipart/form-data; boundary=x"},
        b"--x\r\nContent-Disposition: form-data; name=a; filename=../../etc/passwd\r\n\r\nx\r\n--x--",
    ),
    "in a text of XML": ({"Content-Type": "application/xml"}, b"<a><b>&#59;id</b></a>"),
    "in an attribute of XML": ({"Content-Type": "text/xml"}, b"<a b='admin&apos; #'/>"),
}


@pytest.mark.parametrize(("headers", "body"), _BODIES.values(), ids=_BODIES)
def test_an_attack_is_found_however_a_body_is_put_together(
    gateway: Gateway, headers: dict[str, str], body: bytes
) -> None:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if "Transfer-Encoding" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join(["POST /films HTTP/1.1", "Host: gateway", *lines, "", ""])

    answer = ask_raw(gateway.port, head.encode() + body)

    assert answer.status == 403


@pytest.mark.parametrize("path", ["/nothing", "/health", "/films/7", "/health/ready"])
def test_an_attack_is_an_attack_on_any_path_and_with_any_method(gateway: Gateway, path: str) -> None:
    answers = [
        gateway.ask(f"{path}?x=1%20union%20select%201,2", method=method)
        for method in ("GET", "POST", "PATCH")
    ]

    assert [answer.status for answer in answers] == [403] * 3


@pytest.mark.parametrize(
    "target", [b"/../../etc/passwd", b"/a/%2e%2e/%2e%2e/%2e%2e/etc/passwd", b"/x%00.php"]
)
def test_a_path_that_the_server_itself_refuses_is_an_attack_too(gateway: Gateway, target: bytes) -> None:
    answer = ask_raw(gateway.port, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer.status == 403


def test_nothing_of_a_refused_request_reaches_the_service(gateway: Gateway) -> None:
    attack = urllib.parse.quote("1' or '1'='1")

    gateway.ask(f"/films?count=attack&title={attack}")

    assert gateway.ask("/films?count=attack").json["count"] == 1


def test_the_audit_line_names_the_rule_and_tells_no_secret(gateway: Gateway) -> None:
    secret = "hunter2hunter2hunter2"

    answer = gateway.ask(f"/films/7?password={secret}'%20or%20'{secret}'='{secret}")

    line = gateway.line("audit", answer)
    assert {key: line[key] for key in ("action", "where", "name", "route", "method", "score")} == {
        "action": "blocked", "where": "query", "name": "password", "route": "/films/{id}", "method": "GET", "score": 5,
    }  # fmt: skip
    assert [rule["class"] for rule in line["rules"]] == ["sql"]
    assert secret not in json.dumps(line)


def test_in_detect_mode_attacks_pass_and_are_written_down(start_gateway: Callable[..., Gateway]) -> None:
    watching = start_gateway(WAF_MODE="detect")

    answer = watching.ask("/films?title=1'%20or%20'1'='1")

    assert answer.status == 200
    assert watching.line("audit", answer)["action"] == "detected"


def test_switched_off_it_inspects_nothing_and_still_refuses_what_is_not_described(
    start_gateway: Callable[..., Gateway],
) -> None:
    off = start_gateway(WAF_MODE="off")

    assert off.ask("/films?title=1'%20or%20'1'='1").status == 200
    assert off.ask("/films", method="POST", headers=JSON, body=b'{"year": 2000}').status == 400


def test_a_route_may_exclude_a_class_for_one_field_alone(gateway: Gateway) -> None:
    query = {"text": "fine", "query": "select * from films; drop table films;--"}

    excluded = gateway.ask("/films/1/opinions", method="POST", headers=JSON, body=json.dumps(query).encode())
    other = gateway.ask(
        "/films/1/opinions",
        method="POST",
        headers=JSON,
        body=json.dumps({**query, "query": ATTACKS["xss"]}).encode(),
    )

    assert (excluded.status, other.status) == (200, 403)


CLOSED = {
    "201 arguments": request_bytes("/films?" + "&".join(f"a{number}=1" for number in range(201))),
    "101 headers": request_bytes("/films", headers={f"X-{number}": "1" for number in range(101)}),
    "201 fields": request_bytes(
        "/films", method="POST", headers=FORM, body="&".join(f"a{number}=1" for number in range(201)).encode()
    ),
    "two content types": request_bytes("/films", method="POST", headers=JSON, body=b"{}").replace(
        b"Content-Type", b"Content-Type: text/plain\r\nContent-Type"
    ),
}


@pytest.mark.parametrize("request_", CLOSED.values(), ids=CLOSED)
def test_what_cannot_be_inspected_whole_is_refused(gateway: Gateway, request_: bytes) -> None:
    answer = ask_raw(gateway.port, request_)

    assert blocked(gateway, answer) == "evasion"


def test_an_attack_behind_a_false_content_encoding_is_found(gateway: Gateway) -> None:
    answer = gateway.ask(
        "/clam.php",
        method="POST",
        headers={**FORM, "Content-Encoding": "gzip"},
        body=b"cmd=127.0.0.1 && ls /etc",
    )

    assert answer.status == 403


@pytest.mark.parametrize("name", ["If-None-Match", "If-Match", "If-Range"])
def test_an_entity_tag_is_looked_at_without_its_quotes(gateway: Gateway, name: str) -> None:
    for tag in ('">"', '"="', 'W/"v1"', '"it\'s"', '"a,b"', '"/"'):
        assert gateway.ask("/films", headers={name: tag}).status == 200, tag
    for tag in (
        '"<script>alert(1)</script>"',
        "\"1'or'1'='1\"",
        'W/"../../../etc/passwd"',
        '"%3Cscript%3Ealert(1)"',
    ):
        assert gateway.ask("/films", headers={name: tag}).status == 403, tag


def test_a_scanner_is_known_by_its_name(gateway: Gateway) -> None:
    answer = gateway.ask("/films", headers={"User-Agent": "sqlmap/1.7.4#stable (https://sqlmap.org)"})

    assert blocked(gateway, answer) == "scanner"


def test_a_text_made_to_exhaust_an_expression_is_decided_quickly(gateway: Gateway) -> None:
    parts = ("(", "<a ", "or 'x'='", "/*", "{{", "'|", "a=b&", "%25", "..;")
    bodies = [json.dumps({"text": part * (60000 // len(part))}).encode()[:65000] for part in parts]

    answers = [gateway.ask("/films/1/opinions", method="POST", headers=JSON, body=body) for body in bodies]

    assert {answer.status for answer in answers} <= {200, 400, 403}
    seconds = [line["seconds"] for line in gateway.lines("access", answers)]
    # What backtracks takes minutes; a busy machine takes some seconds.
    assert max(seconds) < 10, dict(zip(parts, seconds, strict=True))


def test_a_value_that_was_harmless_makes_nothing_harmless_where_it_stands_otherwise(
    start_gateway: Callable[..., Gateway],
) -> None:
    gateway = start_gateway(WORKERS="1", ADDRESS_RATE="100000")  # one worker: it remembers for itself
    agents = ["sqlmap/1.7", "Nikto/2.1.6", "masscan/1.3"]
    for agent in agents:
        gateway.ask("/films?title=" + urllib.parse.quote(f"agent:{agent}", safe=""))

    answers = [gateway.ask("/films", headers={"User-Agent": agent}) for agent in agents]

    assert [answer.status for answer in answers] == [403, 403, 403]
