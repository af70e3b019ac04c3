"""Scaling of a process by its processor use and by what waits for it; the template says nothing of how many run."""

from __future__ import annotations

from typing import Any

from troposphere import GetAtt, Join, Ref, ecs
from troposphere import applicationautoscaling as scaling_api

from infra.config.service import Scale
from infra.stacks.draft import Draft, pascal

SCALE_IN_SECONDS = 300
SCALE_OUT_SECONDS = 60


def scaling(
    draft: Draft, service: ecs.Service, *, name: str, scale: Scale, cluster: Ref
) -> scaling_api.ScalableTarget:
    """Add the target and its policy by processor use: out fast, in slowly."""
    target = draft.add(
        scaling_api.ScalableTarget(
            f"{pascal(name)}ScalableTarget",
            MinCapacity=scale.min,
            MaxCapacity=scale.max,
            ResourceId=Join("/", ["service", cluster, GetAtt(service, "Name")]),
            ScalableDimension="ecs:service:DesiredCount",
            ServiceNamespace="ecs",
        )
    )
    used = scaling_api.PredefinedMetricSpecification(PredefinedMetricType="ECSServiceAverageCPUUtilization")
    _policy(
        draft, f"{pascal(name)}ScalingPolicy", target, "cpu", scale.cpu, PredefinedMetricSpecification=used
    )
    return target


def age_scaling(
    draft: Draft, target: scaling_api.ScalableTarget, *, name: str, seconds: int, queue: Ref
) -> None:
    """Add a policy by the age of the queue's oldest message: of two policies, the one that wants more tasks decides."""
    waited = scaling_api.CustomizedMetricSpecification(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[scaling_api.MetricDimension(Name="QueueName", Value=queue)],
        Statistic="Maximum",
        Unit="Seconds",
    )
    _policy(draft, f"{pascal(name)}AgePolicy", target, "age", seconds, CustomizedMetricSpecification=waited)


def _policy(
    draft: Draft, title: str, target: scaling_api.ScalableTarget, kind: str, value: int, **metric: Any
) -> None:
    draft.add(
        scaling_api.ScalingPolicy(
            title,
            PolicyName=kind,
            PolicyType="TargetTrackingScaling",
            ScalingTargetId=Ref(target),
            TargetTrackingScalingPolicyConfiguration=scaling_api.TargetTrackingScalingPolicyConfiguration(
                TargetValue=value,
                ScaleInCooldown=SCALE_IN_SECONDS,
                ScaleOutCooldown=SCALE_OUT_SECONDS,
                **metric,
            ),
        )
    )
