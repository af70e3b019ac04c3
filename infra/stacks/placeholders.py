"""Text with references in it: Ignition is written whole, and CloudFormation fills in what only it knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from troposphere import Base64, Join


def user_data(text: str, references: Mapping[str, Any]) -> Base64:
    """Return user data in which each `@NAME@` is replaced by its reference.

    Raises KeyError for a placeholder without a reference: a host would wait for it for ever.
    """
    pieces = re.split(r"@([A-Z][A-Z0-9_]*)@", text)
    filled = [references[piece] if index % 2 else piece for index, piece in enumerate(pieces)]
    return Base64(Join("", [piece for piece in filled if piece != ""]))
