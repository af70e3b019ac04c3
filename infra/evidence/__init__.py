"""Gathers what the checks look at, through the wall to AWS and the engine; it changes nothing.

`fast` is what every deploy looks at first, `thorough` what `verify` adds.
"""

from infra.evidence.fast import fast
from infra.evidence.thorough import thorough

__all__ = ["fast", "thorough"]
