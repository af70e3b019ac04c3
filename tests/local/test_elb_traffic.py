"""Traffic through the balancers of the local cloud: rules, health, headers, streams, and what happens when targets fail."""

from __future__ import annotations

import http.client
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from infra.local import engine
from tests.local.cloud import Cloud, wait_for
from tests.local.workloads import Ecs, Load, build_image, get

DELAY = "5"


@dataclass(frozen=True)
class Web:
    """Two target groups of one service each, behind an internal and a public balancer of this test's own host name."""

    ecs: Ecs
    host: str
    groups: dict[str, str]
    listener: str
    elb: Any

    @property
    def inside(self) -> str:
        network = engine.network(self.ecs.cloud.settings)
        assert network is not None
        return f"http://{network.gateway}"

    @property
    def edge(self) -> str:
        return self.ecs.cloud.settings.edge_url

    def get(self, path: str = "/", **more: Any) -> str:
        return get(self.inside + path, host=self.host, **more)

    def health(self, group: str) -> list[tuple[str, str | None]]:
        answer = self.elb.describe_target_health(TargetGroupArn=self.groups[group])[
            "TargetHealthDescriptions"
        ]
        return [(each["TargetHealth"]["State"], each["TargetHealth"].get("Reason")) for each in answer]

    def rule(self, priority: int, conditions: list[dict[str, Any]], action: dict[str, Any]) -> None:
        self.elb.create_rule(
            ListenerArn=self.listener, Priority=priority, Conditions=conditions, Actions=[action]
        )


@pytest.fixture(scope="module")
def web(cloud: Cloud) -> Iterator[Web]:
    build_image()
    name = f"web-{uuid.uuid4().hex[:6]}"
    cloud.client("ecs").create_cluster(clusterName=name)
    ecs, elb = Ecs(cloud, name), cloud.client("elbv2")
    balancer = elb.create_load_balancer(Name=name, Scheme="internal", Subnets=["subnet-1"])["LoadBalancers"][
        0
    ]
    groups = {version: target_group(elb, f"{name}-{version}") for version in ("1", "2")}
    forward = {"Type": "forward", "TargetGroupArn": groups["1"]}
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[
            {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "nobody"}}
        ],
    )["Listeners"][0]["ListenerArn"]
    made = Web(ecs, f"{name}.local.internal", groups, listener, elb)
    made.rule(900, host(made.host), forward)
    made.rule(
        800,
        [*host(made.host), path("/second/*")],
        {"Type": "forward", "TargetGroupArn": groups["2"]},
    )
    for version in groups:
        start(made, version)
    yield made
    for version in groups:
        ecs.remove(f"v{version}")
    elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])


def target_group(elb: Any, name: str) -> str:
    made = elb.create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=80,
        VpcId="vpc-1",
        TargetType="ip",
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": DELAY}]
    elb.modify_target_group_attributes(TargetGroupArn=made, Attributes=delay)
    return str(made)


def host(name: str) -> list[dict[str, Any]]:
    return [{"Field": "host-header", "HostHeaderConfig": {"Values": [name]}}]


def path(pattern: str) -> dict[str, Any]:
    return {"Field": "path-pattern", "PathPatternConfig": {"Values": [pattern]}}


def define(web: Web, version: str, **environment: str) -> str:
    variables = [{"name": key, "value": value} for key, value in ({"VERSION": version} | environment).items()]
    return web.ecs.define(
        "web",
        {"environment": variables, "portMappings": [{"containerPort": 8080}], "stopTimeout": 10},
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
    )


def start(web: Web, version: str) -> None:
    balancer = {"targetGroupArn": web.groups[version], "containerName": "main", "containerPort": 8080}
    deployment = web.ecs.create(
        f"v{version}",
        define(web, version),
        desiredCount=2,
        loadBalancers=[balancer],
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        deploymentConfiguration={"deploymentCircuitBreaker": {
            "enable": True, "rollback": True, "thresholdConfiguration": {"type": "COUNT", "value": 2},
        }},
    )  # fmt: skip
    assert web.ecs.finished(deployment)["status"] == "SUCCESSFUL"


def test_rules_decide_by_host_and_path_in_priority_order(web: Web) -> None:
    answers = [web.get("/"), web.get("/second/x"), get(web.inside, host="nobody.example")]

    assert answers == ["1", "2", "404: nobody"]


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


def test_a_rolling_update_under_load_loses_no_request(web: Web) -> None:
    with Load(web.inside, host=web.host) as load:
        record = web.ecs.finished(web.ecs.update("v1", taskDefinition=define(web, "1b", BOOT="1")))

    assert record["status"] == "SUCCESSFUL"
    assert load.answers.keys() == {"1", "1b"}, load.answers
    assert load.answers["1"] > 20
    web.ecs.finished(web.ecs.update("v1", taskDefinition=define(web, "1")))


def test_a_broken_release_under_load_loses_no_request(web: Web) -> None:
    with Load(web.inside, host=web.host) as load:
        record = web.ecs.finished(web.ecs.update("v1", taskDefinition=define(web, "bad", CRASH="3")))

    assert record["status"] == "ROLLBACK_SUCCESSFUL"
    assert load.answers.keys() == {"1"}, load.answers


def test_a_target_that_fails_its_health_checks_is_replaced(web: Web) -> None:
    before = set(web.ecs.tasks_of("v2"))

    ill(web, min(before))

    wait_for("the replacement", lambda: before - set(web.ecs.tasks_of("v2")), seconds=60)
    (gone,) = before - set(web.ecs.tasks_of("v2"))
    assert web.ecs.ended(gone)["stoppedReason"] == (
        f"Task failed ELB health checks in (target-group {web.groups['2']})"
    )
    said = [event for event in web.ecs.events("v2") if "is unhealthy in" in event]
    assert said == [
        f"(port 8080) is unhealthy in (target-group {web.groups['2']}) due to "
        "(reason Health checks failed with these codes: [500])"
    ]


def ill(web: Web, task: str) -> None:
    address = web.ecs.task(task)["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    assert get(f"http://{address}:8080/fall-ill") == "2"


def test_a_draining_target_ends_its_requests_first(web: Web) -> None:
    draining = ("draining", "Target.DeregistrationInProgress")
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(web.get, "/slow=3") for _ in range(4)]
        time.sleep(0.5)
        web.ecs.update("v1", desiredCount=1)
        wait_for("a draining target", lambda: draining in web.health("1"), seconds=2)
        quick = {web.get("/") for _ in range(10)}
        still = draining in web.health("1")

    wait_for("one target", lambda: web.health("1") == [("healthy", None)])
    assert ({answer.result() for answer in slow}, quick, still) == ({"1"}, {"1"}, True)
    web.ecs.update("v1", desiredCount=2)


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
