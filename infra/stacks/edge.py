"""The edge stack: the public load balancer with its name and certificate, and the one between services."""

from __future__ import annotations

import json
from typing import Any

from troposphere import GetAtt, Join, Ref, certificatemanager, route53
from troposphere import elasticloadbalancingv2 as elb

from infra.config import Config
from infra.stacks.alarms import Watch, alarm
from infra.stacks.draft import Draft
from infra.stacks.model import Stack

PART = "edge"
# TLS 1.3, and of 1.2 only what keeps past traffic secret.
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
NOBODY_ANSWERS = {"type": "about:blank", "title": "Service Unavailable", "status": 503}


def edge(config: Config) -> Stack:
    """Return the edge stack of an environment."""
    draft = Draft(config, PART, f"Load balancers of {config.environment.name}")
    public = draft.add(_balancer(draft, "Public", scheme="internet-facing", group="Edge"))
    internal = draft.add(_balancer(draft, "Internal", scheme="internal", group="Internal"))
    listener = _public_listener(draft, public)
    inside = draft.add(_http("InternalListener", internal, _nobody_answers()))
    _internal_names(draft, internal)
    _alarms(draft, public)
    draft.output("PublicListenerArn", Ref(listener))
    draft.output("PublicBalancer", GetAtt(public, "LoadBalancerFullName"))
    draft.output("PublicAddress", GetAtt(public, "DNSName"))
    draft.output("InternalListenerArn", Ref(inside))
    draft.output("InternalBalancer", GetAtt(internal, "LoadBalancerFullName"))
    draft.output("Url", _url(config, public))
    return draft.stack()


def _balancer(draft: Draft, title: str, *, scheme: str, group: str) -> elb.LoadBalancer:
    subnets = "PublicSubnetIds" if scheme == "internet-facing" else "PrivateSubnetIds"
    attributes = {
        "deletion_protection.enabled": str(draft.environment.protected).lower(),
        "idle_timeout.timeout_seconds": "60",
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.preserve_host_header.enabled": "true",
    }
    return elb.LoadBalancer(
        f"{title}Balancer",
        Type="application",
        Scheme=scheme,
        Subnets=draft.inputs("network", subnets),
        SecurityGroups=[draft.input("network", f"{group}SecurityGroupId")],
        LoadBalancerAttributes=[
            elb.LoadBalancerAttributes(Key=key, Value=value) for key, value in sorted(attributes.items())
        ],
    )


def _public_listener(draft: Draft, balancer: elb.LoadBalancer) -> elb.Listener:
    """Return the listener that the gateway's rule hangs on: HTTPS under a domain, with plain HTTP sent there."""
    environment = draft.environment
    if not environment.domain:
        return draft.add(_http("PublicListener", balancer, _nobody_answers()))
    draft.add(_http("RedirectListener", balancer, _to_https()))
    if environment.edge.zone_id:
        _public_name(draft, balancer)
    return draft.add(
        elb.Listener(
            "PublicListener",
            LoadBalancerArn=Ref(balancer),
            Port=443,
            Protocol="HTTPS",
            SslPolicy=TLS_POLICY,
            Certificates=[elb.Certificate(CertificateArn=_certificate(draft))],
            DefaultActions=[_nobody_answers()],
        )
    )


def _certificate(draft: Draft) -> Any:
    edge_settings, domain = draft.environment.edge, draft.environment.domain
    if edge_settings.certificate_arn:
        return edge_settings.certificate_arn
    validation = certificatemanager.DomainValidationOption(
        DomainName=domain, HostedZoneId=edge_settings.zone_id
    )
    made = certificatemanager.Certificate(
        "Certificate", DomainName=domain, ValidationMethod="DNS", DomainValidationOptions=[validation]
    )
    return Ref(draft.add(made))


def _public_name(draft: Draft, balancer: elb.LoadBalancer) -> None:
    draft.add(
        route53.RecordSetType(
            "PublicName",
            HostedZoneId=draft.environment.edge.zone_id,
            Name=draft.environment.domain,
            Type="A",
            AliasTarget=_alias(balancer),
        )
    )


def _internal_names(draft: Draft, balancer: elb.LoadBalancer) -> None:
    """Every service's name leads to one balancer, which knows them by host: one wildcard record is enough."""
    domain = draft.environment.internal_domain
    zone = draft.add(
        route53.HostedZone(
            "InternalZone",
            Name=domain,
            VPCs=[
                route53.HostedZoneVPCs(
                    VPCId=draft.input("network", "VpcId"), VPCRegion=draft.environment.region
                )
            ],
        )
    )
    draft.add(
        route53.RecordSetType(
            "InternalNames",
            HostedZoneId=Ref(zone),
            Name=f"*.{domain}",
            Type="A",
            AliasTarget=_alias(balancer),
        )
    )


def _alias(balancer: elb.LoadBalancer) -> route53.AliasTarget:
    return route53.AliasTarget(
        HostedZoneId=GetAtt(balancer, "CanonicalHostedZoneID"),
        DNSName=GetAtt(balancer, "DNSName"),
        EvaluateTargetHealth=False,
    )


def _http(title: str, balancer: elb.LoadBalancer, action: elb.Action) -> elb.Listener:
    return elb.Listener(
        title, LoadBalancerArn=Ref(balancer), Port=80, Protocol="HTTP", DefaultActions=[action]
    )


def _nobody_answers() -> elb.Action:
    """A problem document as plain JSON: a fixed response may not say application/problem+json."""
    return elb.Action(
        Type="fixed-response",
        FixedResponseConfig=elb.FixedResponseConfig(
            StatusCode="503",
            ContentType="application/json",
            MessageBody=json.dumps(NOBODY_ANSWERS, sort_keys=True),
        ),
    )


def _to_https() -> elb.Action:
    return elb.Action(
        Type="redirect",
        RedirectConfig=elb.RedirectConfig(Protocol="HTTPS", Port="443", StatusCode="HTTP_301"),
    )


def _url(config: Config, balancer: elb.LoadBalancer) -> Any:
    domain = config.environment.domain
    return f"https://{domain}" if domain else Join("", ["http://", GetAtt(balancer, "DNSName")])


def _alarms(draft: Draft, balancer: elb.LoadBalancer) -> None:
    own = {"LoadBalancer": GetAtt(balancer, "LoadBalancerFullName")}
    alarm(
        draft,
        "EdgeErrors",
        f"{draft.environment.name} edge: over 10 answers of 5xx from the load balancer itself in 5 minutes",
        Watch(
            "AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", own, 10, statistic="Sum", seconds=300, periods=1
        ),
    )
