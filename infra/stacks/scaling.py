"""Scaling of a process by its average processor use; the template then says nothing of how many run."""

from __future__ import annotations

from troposphere import GetAtt, Join, Ref, ecs
from troposphere import applicationautoscaling as scaling_api

from infra.config.service import Scale
from infra.stacks.draft import Draft, pascal

SCALE_IN_SECONDS = 300
SCALE_OUT_SECONDS = 60


def scaling(draft: Draft, service: ecs.Service, *, name: str, scale: Scale, cluster: Ref) -> None:
    """Add the target and its policy: out fast, in slowly."""
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
    draft.add(
        scaling_api.ScalingPolicy(
            f"{pascal(name)}ScalingPolicy",
            PolicyName="cpu",
            PolicyType="TargetTrackingScaling",
            ScalingTargetId=Ref(target),
            TargetTrackingScalingPolicyConfiguration=scaling_api.TargetTrackingScalingPolicyConfiguration(
                TargetValue=scale.cpu,
                ScaleInCooldown=SCALE_IN_SECONDS,
                ScaleOutCooldown=SCALE_OUT_SECONDS,
                PredefinedMetricSpecification=scaling_api.PredefinedMetricSpecification(
                    PredefinedMetricType="ECSServiceAverageCPUUtilization"
                ),
            ),
        )
    )
