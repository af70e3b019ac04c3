"""Templates: a pure function of configuration and image tags; troposphere is known here alone.

A stack's parameters are other stacks' outputs or things looked up at plan time, and its metadata says which.
"""

from infra.stacks.account import account_stack as account
from infra.stacks.draft import metadata_sources
from infra.stacks.environment import environment_stacks as environment
from infra.stacks.environment import service_order
from infra.stacks.model import Output, Resolved, Stack, Value
from infra.stacks.network import in_public_subnets
from infra.stacks.reaper import reaper_stack as reaper
from infra.stacks.union import with_kept

__all__ = [
    "Output",
    "Resolved",
    "Stack",
    "Value",
    "account",
    "environment",
    "in_public_subnets",
    "metadata_sources",
    "reaper",
    "service_order",
    "with_kept",
]
