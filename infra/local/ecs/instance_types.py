"""What an instance type offers, the same to who asks EC2 and to the host that registers: MiniStack gives nearly all
of them 8 CPUs and 4 GiB (sizes: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html)."""

from __future__ import annotations

import re
from typing import Any

from infra.local import pin

SIZES = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16}
BURSTABLE_GIB = {"nano": 0.5, "micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
GIB_PER_CPU = {"c": 2, "m": 4, "r": 8}

_ITEM = re.compile(r"<item>\s*<instanceType>([^<]+)</instanceType>.*?</memoryInfo>", re.DOTALL)
_ARM = re.compile(r"[a-z]+\d+g")


def install() -> None:
    """Let `DescribeInstanceTypes` say what the hosts will be."""
    from ministack.services import ec2

    describe = pin.original("services.ec2._describe_instance_types", sha="8259c1fe0062")
    ec2._ACTION_MAP["DescribeInstanceTypes"] = lambda params: _corrected(describe(params))


def size(instance_type: str) -> tuple[int, int]:
    """Return the number of CPUs and the memory in MiB."""
    family, _, name = instance_type.partition(".")
    burstable = family.startswith("t")
    cpus = 1 if name == "medium" and not burstable else SIZES.get(name, 2)
    gib = BURSTABLE_GIB.get(name, 4) if burstable else cpus * GIB_PER_CPU.get(family[:1], 4)
    return cpus, int(gib * 1024)


def _corrected(answer: tuple[Any, ...]) -> tuple[Any, ...]:
    status, headers, body = answer
    text = body.decode() if isinstance(body, bytes) else body
    return status, headers, _ITEM.sub(_item, text).encode()


def _item(match: re.Match[str]) -> str:
    cpus, memory = size(match[1])
    machine = "arm64" if _ARM.match(match[1]) else "x86_64"
    text = re.sub(r"(<default(?:VCpus|Cores)>)\d+", rf"\g<1>{cpus}", match[0])
    text = re.sub(r"(<supportedArchitectures><item>)\w+", rf"\g<1>{machine}", text)
    return re.sub(r"(<sizeInMiB>)\d+", rf"\g<1>{memory}", text)
