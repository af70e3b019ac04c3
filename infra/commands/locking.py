"""The environment's lock for a command of this process."""

from __future__ import annotations

import os
import secrets
import socket
import time

from infra.commands.context import Context
from infra.state import Lock, Owner
from infra.who import user


def lock(context: Context, command: str) -> Lock:
    """Return the lock of the environment, not yet taken."""
    owner = Owner(
        id=secrets.token_hex(8),
        who=user(),
        host=socket.gethostname(),
        pid=os.getpid(),
        command=command,
        since=time.time(),
    )
    environment = context.config.environment
    return Lock(
        context.bucket,
        environment.name,
        owner,
        lifetime=environment.deploy.lock_seconds,
        is_gone=ended_here,
        note=lambda text: context.reporter.tell("progress", "lock", text),
    )


def ended_here(owner: Owner) -> bool:
    """Whether the owner was a process of this machine that is no longer there."""
    if owner.host != socket.gethostname() or owner.pid == os.getpid():
        return False
    try:
        os.kill(owner.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
