"""Ids, hops and headers on the way in and out, and what is written down about a request."""

import json
import re
import time
from collections.abc import Callable

import pytest

from tests.gateway.client import ask_raw
from tests.gateway.conftest import Gateway

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_well_formed_request_id_is_kept_passed_on_returned_and_logged(gateway: Gateway) -> None:
    answer = gateway.ask("/films", headers={"X-Request-ID": "order-66.retry_1"})

    assert answer.headers["X-Request-ID"] == "order-66.retry_1"
    assert answer.json["headers"]["X-Request-ID"] == "order-66.retry_1"
    assert gateway.line("access", answer)["request_id"] == "order-66.retry_1"


@pytest.mark.parametrize(
    "given", ["short", "has space in it", "x" * 129, "semi;colon", "first-of-two, second-of-two"]
)
def test_a_request_id_that_is_not_well_formed_is_replaced(gateway: Gateway, given: str) -> None:
    answer = gateway.ask("/films", headers={"X-Request-ID": given})

    made = answer.headers["X-Request-ID"]
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert answer.json["headers"]["X-Request-ID"] == made


def test_a_trace_goes_on_with_a_parent_of_ours(gateway: Gateway) -> None:
    answer = gateway.ask("/films", headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"})

    passed = answer.json["headers"]["traceparent"]
    assert re.fullmatch(rf"00-{TRACE}-[0-9a-f]{{16}}-00", passed)
    assert "b7ad6b7169203331" not in passed


@pytest.mark.parametrize(
    "given", ["00-xyz", f"ff-{TRACE}-b7ad6b7169203331-01", "00-" + "0" * 32 + "-b7ad6b7169203331-01"]
)
def test_a_trace_that_is_not_well_formed_is_begun_anew(gateway: Gateway, given: str) -> None:
    answer = gateway.ask("/films", headers={"traceparent": given})

    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", answer.json["headers"]["traceparent"])
    assert TRACE not in answer.json["headers"]["traceparent"]


def test_headers_by_which_an_outsider_could_speak_as_us_are_taken_off(
    start_gateway: Callable[..., Gateway],
) -> None:
    untrusting = start_gateway(TRUSTED_HOPS="192.0.2.0/24")
    spoofed = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/admin",
        "X-Internal-User": "root",
        "X-Original-URL": "/admin",
        "X-Real-IP": "203.0.113.9",
        "Forwarded": "for=203.0.113.9",
        "X-HTTP-Method-Override": "DELETE",
    }

    answer = untrusting.ask("/films", headers=spoofed)

    passed, client = answer.json["headers"], untrusting.line("access", answer)["client"]
    assert client != "203.0.113.9"
    assert passed["X-Forwarded-For"] == client
    assert passed["X-Forwarded-Proto"] == "http"
    assert not {"X-Forwarded-Prefix", "X-Internal-User", "X-Original-URL", "X-Real-IP", "Forwarded"} & set(
        passed
    )
    assert "X-HTTP-Method-Override" not in passed


def test_a_trusted_hop_says_who_the_client_is_and_the_client_cannot_add_to_it(gateway: Gateway) -> None:
    chain = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Forwarded-Proto": "https"}

    answer = gateway.ask("/films", headers=chain)

    line = gateway.line("access", answer)
    assert line["client"] == "203.0.113.9"
    first, hop = answer.json["headers"]["X-Forwarded-For"].split(", ")
    assert first == "203.0.113.9"
    assert hop.startswith(("172.", "192.168.", "10."))
    assert answer.json["headers"]["X-Forwarded-Proto"] == "https"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_every_answer_carries_security_headers_and_names_no_version(gateway: Gateway) -> None:
    for answer in (gateway.ask("/films"), gateway.ask("/nothing"), gateway.ask("/health")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "nginx" not in json.dumps(dict(answer.headers))
        assert "X-Powered-By" not in answer.headers


# What the services' descriptions ask for, and what every request with a body or a token needs.
UNDERSTOOD = {"Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key"}


def test_a_browser_from_a_configured_origin_may_ask_and_another_may_not(
    start_gateway: Callable[..., Gateway],
) -> None:
    configured = start_gateway(CORS_ORIGINS="https://app.example.org")
    preflight = {"Access-Control-Request-Method": "PUT"}

    ours = configured.ask(
        "/films/7", method="OPTIONS", headers={"Origin": "https://app.example.org", **preflight}
    )
    other = configured.ask(
        "/films/7", method="OPTIONS", headers={"Origin": "https://evil.example", **preflight}
    )
    simple = configured.ask("/films?vary=Accept", headers={"Origin": "https://app.example.org"})
    elsewhere = configured.ask("/films?vary=Accept", headers={"Origin": "https://evil.example"})

    assert (ours.status, ours.headers["Access-Control-Allow-Methods"]) == (204, "DELETE, GET, HEAD, PUT")
    assert ours.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert set(ours.headers["Access-Control-Allow-Headers"].split(", ")) >= UNDERSTOOD
    assert (other.status, "Access-Control-Allow-Origin" in other.headers) == (405, False)
    assert simple.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert {"Location", "ETag", "Link", "Idempotent-Replayed"} <= set(
        simple.headers["Access-Control-Expose-Headers"].split(", ")
    )
    assert "Access-Control-Allow-Origin" not in elsewhere.headers
    assert [answer.headers["Vary"] for answer in (simple, elsewhere)] == ["Accept, Origin"] * 2


def test_a_request_leaves_one_line_of_json_that_says_what_became_of_it(gateway: Gateway) -> None:
    answer = gateway.ask("/films/7/opinions?secret=yes", headers={"User-Agent": 'a "quoted" agent'})

    line = gateway.line("access", answer)
    assert {key: line[key] for key in ("method", "path", "status", "service", "route", "agent")} == {
        "method": "GET",
        "path": "/films/7/opinions",
        "status": 200,
        "service": "opinions",
        "route": "/films/{id}/opinions",
        "agent": 'a "quoted" agent',
    }
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert "secret" not in json.dumps(line)


def test_the_line_about_a_request_is_complete(gateway: Gateway) -> None:
    passed = gateway.line("access", gateway.ask("/films/7"))
    blocked = gateway.line("access", gateway.ask("/films?q=1'+or+1=1--"))

    assert set(passed) == set(blocked) == {
        "time", "kind", "request_id", "traceparent", "client", "client_id", "method", "path", "status", "bytes_in", "bytes_out",
        "seconds", "service", "route", "upstream", "upstream_status", "upstream_seconds", "firewall", "limited", "agent",
        "cut", "worker",
    }  # fmt: skip
    assert (passed["service"], passed["route"], passed["upstream_status"]) == ("films", "/films/{id}", "200")
    assert float(passed["upstream_seconds"]) <= passed["seconds"] + 0.001
    assert re.fullmatch(r"[0-9.]+:80", passed["upstream"])
    assert (blocked["service"], blocked["upstream"], blocked["status"]) == ("", "", 403)
    assert blocked["firewall"].startswith("blocked sql.")


LONG = b"x" * 8000


@pytest.mark.parametrize(
    ("request_", "cut"),
    [
        (b"GET /films/%b HTTP/1.1\r\nHost: x\r\nUser-Agent: %b\r\n\r\n" % (LONG, LONG), "path agent"),
        (b"GET /films HTTP/1.1\r\nHost: x\r\nUser-Agent: %b\r\n\r\n" % (b'"' * 8000), "agent"),
        (b"GET /films/%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b'"' * 8000), "path"),
        (b"%b /films HTTP/1.1\r\nHost: x\r\n\r\n" % (b"A" * 8000), "method"),
        (b"GET /films/\x01%b HTTP/1.1\r\nHost: x\r\n\r\n" % LONG, "path"),
        (b"GET /films/7 HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n\r\n", ""),
    ],
)
def test_a_line_is_short_enough_for_a_pipe_whatever_a_client_sends_and_says_what_was_cut(
    gateway: Gateway, request_: bytes, cut: str
) -> None:
    line = gateway.line("access", ask_raw(gateway.port, request_))

    assert line["cut"] == cut
    assert [line[name].endswith("…") for name in cut.split()] == [True] * len(cut.split())
    lines = gateway.container.logs(stdout=True, stderr=False).splitlines()
    assert max(map(len, lines)) < 4096


@pytest.mark.parametrize(
    ("request_", "method", "status"),
    [
        (b"TRACE /films HTTP/1.1\r\nHost: x\r\n\r\n", "TRACE", 405),
        (b"POST /films HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", "POST", 413),
        (b"PUT /films HTTP/1.1\r\n\r\n", "PUT", 400),
        (b"nonsense\r\n\r\n", "GET", 400),
    ],
)
def test_the_line_about_what_the_server_itself_refuses_names_the_method_that_was_asked_with(
    gateway: Gateway, request_: bytes, method: str, status: int
) -> None:
    line = gateway.line("access", ask_raw(gateway.port, request_))

    assert (line["method"], line["status"]) == (method, status)


def test_the_audit_line_about_a_trace_names_it(gateway: Gateway) -> None:
    answer = ask_raw(gateway.port, b"TRACE /films?q=1'+or+1=1-- HTTP/1.1\r\nHost: x\r\n\r\n")

    assert gateway.line("audit", answer)["method"] == "TRACE"


def test_the_metrics_are_on_a_port_of_their_own(start_gateway: Callable[..., Gateway]) -> None:
    measured = start_gateway(WORKERS="2", ADDRESS_RATE="100000")
    for path in [*["/films"] * 7, "/films?q=1'+or+1=1--", *["/limited"] * 31]:
        measured.ask(path)
    # Each worker adds what it has counted once a second.
    time.sleep(1.2)

    script = f"import urllib.request as u; print(u.urlopen('http://{measured.address}:9145/metrics').read().decode())"
    upstream = measured.container.client.containers.run(
        _base(measured), ["python3", "-c", script], network=_network(measured), remove=True
    )

    lines = upstream.decode().splitlines()
    assert 'gateway_requests_total{service="films",status="200"} 7' in lines
    assert 'gateway_request_seconds_count{service="films"} 7' in lines
    assert 'gateway_request_seconds_bucket{service="films",le="+Inf"} 7' in lines
    assert 'gateway_blocked_total{class="sql",action="blocked"} 1' in lines
    limited = next(line for line in lines if line.startswith("gateway_limited_total"))
    assert re.fullmatch(r'gateway_limited_total\{limit="(limited|opinions)"\} \d+', limited)


def _network(gateway: Gateway) -> str:
    return next(iter(gateway.container.attrs["NetworkSettings"]["Networks"]))


def _base(gateway: Gateway) -> str:
    return next(
        container.image.id
        for container in gateway.container.client.containers.list(ignore_removed=True)
        if container.name.startswith("est-gateway-test-one-")
    )
