"""How a listener decides, on plain values."""

from __future__ import annotations

import pytest

from infra.local.elb.probes import accepts
from infra.local.elb.rules import (
    DEFAULT_PRIORITY,
    Balancer,
    Condition,
    Fixed,
    Forward,
    Listener,
    Redirect,
    Request,
    Rule,
    decide,
    find_balancer,
    group,
    location,
    matches,
)

REQUEST = Request(
    "GET", "movies.local.internal", "/movies/1/reviews", "page=2&Sort=New", "10.1.2.3", {"x-kind": "A b"}
)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition("host-header", ("movies.*.internal",)), True),
        (Condition("host-header", ("MOVIES.local.internal",)), True),
        (Condition("host-header", ("local.internal",)), False),
        (Condition("path-pattern", ("/movies/?/*",)), True),
        (Condition("path-pattern", ("/Movies/*",)), False),
        (Condition("path-pattern", ("/none", "/movies/*")), True),
        (Condition("http-request-method", ("GET", "HEAD")), True),
        (Condition("http-request-method", ("POST",)), False),
        (Condition("http-header", ("a*",), "x-kind"), True),
        (Condition("http-header", ("a*",), "x-other"), False),
        (Condition("query-string", ("page=2",)), True),
        (Condition("query-string", ("sort=n*",)), True),
        (Condition("query-string", ("page=3",)), False),
        (Condition("source-ip", ("10.1.0.0/16",)), True),
        (Condition("source-ip", ("192.168.0.0/16",)), False),
    ],
)
def test_conditions(condition: Condition, expected: bool) -> None:
    assert matches(Rule(1, (condition,), Fixed(200)), REQUEST) is expected


def rule(priority: int, host: str, status: int) -> Rule:
    return Rule(priority, (Condition("host-header", (host,)),), Fixed(status))


def test_the_first_rule_in_priority_order_decides_and_the_default_last() -> None:
    default = Rule(DEFAULT_PRIORITY, (), Fixed(404))
    listener = Listener(
        80, "HTTP", (rule(1, "other.*", 201), rule(2, "movies.*", 202), rule(3, "*", 203), default)
    )
    bare = Listener(80, "HTTP", (rule(1, "other.*", 201), default))

    assert [found.action for found in (decide(listener, REQUEST), decide(bare, REQUEST)) if found] == [
        Fixed(202),
        Fixed(404),
    ]


def test_every_condition_of_a_rule_must_hold() -> None:
    both = (Condition("host-header", ("movies.*",)), Condition("path-pattern", ("/none",)))

    assert not matches(Rule(1, both, Fixed(200)), REQUEST)


def test_a_shared_address_finds_its_balancer_by_name_then_by_rule_then_takes_the_first() -> None:
    first = Balancer("first", "first.elb", True, (Listener(80, "HTTP", (rule(1, "x.internal", 200),)),))
    second = Balancer("second", "second.elb", True, (Listener(80, "HTTP", (rule(1, "movies.*", 200),)),))

    def found(host: str) -> str | None:
        balancer = find_balancer((first, second), Request("GET", host, "/"))
        return balancer.arn if balancer else None

    assert [found(host) for host in ("second.elb", "movies.local.internal", "nowhere")] == [
        "second",
        "second",
        "first",
    ]
    assert find_balancer((), REQUEST) is None


def test_weights_choose_the_group() -> None:
    assert group(Forward((("only", 0),))) == "only"
    assert {group(Forward((("a", 1), ("b", 0)))) for _ in range(20)} == {"a"}
    assert group(Forward((("a", 0), ("b", 0)))) is None


def test_redirects_fill_in_the_request() -> None:
    https = Redirect(301, protocol="HTTPS", port="443")
    elsewhere = Redirect(302, host="example.org", path="/new/#{path}", query="from=#{host}")

    assert location(https, REQUEST, scheme="http", port=80) == (
        "https://movies.local.internal/movies/1/reviews?page=2&Sort=New"
    )
    assert location(elsewhere, REQUEST, scheme="http", port=8080) == (
        "http://example.org:8080/new/movies/1/reviews?from=movies.local.internal"
    )


@pytest.mark.parametrize(("matcher", "status", "expected"), [
    ("200", 200, True), ("200", 204, False), ("200,204", 204, True), ("200-299", 250, True), ("200-299", 301, False),
])  # fmt: skip
def test_matchers(matcher: str, status: int, expected: bool) -> None:
    assert accepts(matcher, status) is expected
