"""Traffic through the balancers of the local cloud: rules, health, headers, streams, and what a balancer answers itself."""

from __future__ import annotations

import http.client
import time
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.local.cloud import Cloud, wait_for
from tests.local.webs import Web, host, path, serving, target_group
from tests.local.workloads import get


@pytest.fixture(scope="module")
def web(cloud: Cloud) -> Iterator[Web]:
    with serving(cloud) as made:
        yield made


def test_rules_decide_by_host_and_path_in_priority_order(web: Web) -> None:
    answers = [web.get("/"), web.get("/second/x"), get(web.inside, host="nobody.example")]

    # Who answers for a host that no rule knows depends on which balancer is first; that nobody knows it does not.
    assert answers[:2] == ["1", "2"]
    assert answers[2].startswith("404: ")


def test_only_registered_targets_are_healthy(web: Web) -> None:
    unused = target_group(web.elb, f"unused-{uuid.uuid4().hex[:6]}")
    web.elb.register_targets(TargetGroupArn=unused, Targets=[{"Id": "10.0.0.1", "Port": 80}])

    answer = web.elb.describe_target_health(TargetGroupArn=unused)["TargetHealthDescriptions"]

    assert web.health("1") == [("healthy", None)] * 2
    assert [(each["TargetHealth"]["State"], each["TargetHealth"]["Reason"]) for each in answer] == [
        ("unused", "Target.NotInUse")
    ]
    web.elb.delete_target_group(TargetGroupArn=unused)


def test_targets_get_the_headers_that_a_balancer_adds(web: Web) -> None:
    connection = http.client.HTTPConnection(web.inside.removeprefix("http://"))
    connection.request(
        "GET", "/headers", headers={"Host": web.host, "X-Forwarded-For": "9.9.9.9", "X-Mine": "kept"}
    )

    found = dict(
        line.split(": ", 1)
        for line in connection.getresponse().read().decode().strip().splitlines()
        if ": " in line
    )

    lower = {name.lower(): value for name, value in found.items()}
    assert {name: lower[name] for name in ("host", "x-mine", "x-forwarded-proto", "x-forwarded-port")} == {
        "host": web.host, "x-mine": "kept", "x-forwarded-proto": "http", "x-forwarded-port": "80",
    }  # fmt: skip
    assert lower["x-forwarded-for"].startswith("9.9.9.9, ")
    assert lower["x-amzn-trace-id"].startswith("Root=1-")


def test_bodies_stream_both_ways(web: Web) -> None:
    connection = http.client.HTTPConnection(web.inside.removeprefix("http://"))

    connection.request("GET", "/stream", headers={"Host": web.host})
    answer = connection.getresponse()
    first = answer.read1(100)
    began = time.monotonic()
    rest = answer.read()

    assert (first, rest.decode().splitlines()[-1]) == (b"part 0\n", "part 4")
    assert time.monotonic() - began > 0.2
    assert web.get("/", data=b"x" * 3_000_000) == "3000000"
    chunked = http.client.HTTPConnection(web.inside.removeprefix("http://"))
    chunked.request("POST", "/", body=iter([b"ab", b"cde"]), headers={"Host": web.host}, encode_chunked=True)
    assert chunked.getresponse().read() == b"5"


def test_a_head_request_has_a_length_and_no_body(web: Web) -> None:
    connection = http.client.HTTPConnection(web.inside.removeprefix("http://"))

    connection.request("HEAD", "/", headers={"Host": web.host})
    answer = connection.getresponse()

    assert (answer.status, answer.getheader("Content-Length"), answer.read()) == (200, "1", b"")


def test_fixed_answers_and_redirects(web: Web) -> None:
    web.rule(
        10,
        [*host(web.host), path("/closed")],
        {"Type": "fixed-response", "FixedResponseConfig": {
            "StatusCode": "503", "ContentType": "application/json", "MessageBody": "{}",
        }},
    )  # fmt: skip
    web.rule(
        11,
        [*host(web.host), path("/old")],
        {"Type": "redirect", "RedirectConfig": {"Path": "/new", "StatusCode": "HTTP_302"}},
    )
    connection = http.client.HTTPConnection(web.inside.removeprefix("http://"))

    def closed() -> bool:
        return web.get("/closed") == "503: {}"

    wait_for("the rule", closed)
    connection.request("GET", "/old?a=b", headers={"Host": web.host})
    answer = connection.getresponse()

    assert (answer.status, answer.getheader("Location")) == (302, f"http://{web.host}/new?a=b")


def test_weights_share_traffic_between_groups(web: Web) -> None:
    shares = [
        {"TargetGroupArn": web.groups["1"], "Weight": 1},
        {"TargetGroupArn": web.groups["2"], "Weight": 3},
    ]
    web.rule(
        20, [*host(web.host), path("/shared")], {"Type": "forward", "ForwardConfig": {"TargetGroups": shares}}
    )
    wait_for("the rule", lambda: web.get("/shared") == "2")

    counts = Counter(web.get("/shared") for _ in range(200))

    assert counts.keys() == {"1", "2"}
    assert 100 < counts["2"] < 190


def test_a_target_that_hangs_up_is_a_bad_gateway(web: Web) -> None:
    assert web.get("/hang-up").startswith("502: ")


def test_a_group_without_healthy_targets_is_unavailable(web: Web) -> None:
    empty = target_group(web.elb, f"empty-{uuid.uuid4().hex[:6]}")
    web.rule(30, [*host(web.host), path("/empty")], {"Type": "forward", "TargetGroupArn": empty})

    wait_for("the rule", lambda: web.get("/empty").startswith("503: "))

    assert "503 Service Temporarily Unavailable" in web.get("/empty")


def test_the_edge_serves_public_balancers_alone(web: Web) -> None:
    name = f"edge-{uuid.uuid4().hex[:6]}"
    public = web.elb.create_load_balancer(Name=name, Scheme="internet-facing", Subnets=["subnet-1"])[
        "LoadBalancers"
    ][0]
    before = get(web.edge, host=public["DNSName"])
    web.elb.create_listener(
        LoadBalancerArn=public["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": web.groups["2"]}],
    )
    wait_for("the listener", lambda: get(web.edge, host=public["DNSName"]) == "2")

    answers = [get(web.edge, host="localhost"), get(web.edge, host=web.host)]
    web.elb.delete_load_balancer(LoadBalancerArn=public["LoadBalancerArn"])

    assert before.startswith("503: ")
    assert answers == ["2", "2"]
