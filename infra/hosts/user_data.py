"""Fits an Ignition config into EC2's user data: whole where it fits, else by pointer to the state bucket, with its hash."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# EC2: user data before base64. Ignition takes no gzip on AWS, neither in user data nor from S3.
USER_DATA_BYTES = 16 * 1024
# What CloudFormation fills in is longer than its mark.
FILLED_IN_BYTES = 512
PREFIX = "ignition/"
_MARK = re.compile(r"@[A-Z][A-Z0-9_]*@")


@dataclass(frozen=True)
class UserData:
    """The text for the launch template, and the objects (key to body) that it points to in the state bucket."""

    text: str
    objects: Mapping[str, str] = field(default_factory=dict)


def fitted(config: str, bucket: str) -> UserData:
    """Return a config as user data. Files with marks stay in it, since CloudFormation fills in nothing else.

    The object is called by its content's hash, so another content is another launch template.
    """
    if len(config.encode()) + FILLED_IN_BYTES <= USER_DATA_BYTES:
        return UserData(config)
    rest: dict[str, Any] = json.loads(config)
    marked = [file for file in rest["storage"]["files"] if _MARK.search(json.dumps(file))]
    rest["storage"]["files"] = [file for file in rest["storage"]["files"] if file not in marked]
    body = _text(rest)
    digest = hashlib.sha512(body.encode()).hexdigest()
    key = f"{PREFIX}{digest}.ign"
    source = {"source": f"s3://{bucket}/{key}", "verification": {"hash": f"sha512-{digest}"}}
    ignition = {"version": rest["ignition"]["version"], "config": {"merge": [source]}}
    return UserData(_text({"ignition": ignition, "storage": {"files": marked}}), {key: body})


def _text(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True, separators=(",", ":"))
