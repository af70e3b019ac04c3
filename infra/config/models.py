"""What every configuration model shares: frozen, strict, and no unknown key."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


class Model(BaseModel):
    """A frozen table of a TOML file; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _allowed(name: str) -> str:
    if name.startswith(("aws", "ecs", "fargate")):
        raise ValueError("should not begin with aws, ecs or fargate, which AWS keeps for itself")
    return name


# Lengths keep every derived name inside AWS's limits: load balancers and target groups stop at
# 32 characters, IAM roles at 64, stacks at 128.
# ECS refuses capacity providers whose name begins with aws, ecs or fargate (CreateCapacityProvider).
ProjectName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*$", max_length=12), AfterValidator(_allowed)
]
EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[a-z](-?[a-z0-9])*$", max_length=16)]
ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z](-?[a-z0-9])*$", max_length=20)]
ProcessName = Annotated[str, StringConstraints(pattern=r"^[a-z](-?[a-z0-9])*$", max_length=16)]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
Duration = Annotated[str, StringConstraints(pattern=r"^[1-9]\d*[hd]$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Percent = Annotated[int, Field(ge=1, le=100)]
