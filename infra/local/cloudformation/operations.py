"""Where MiniStack's stack engine is told of our handlers: which run on threads, and what is sent back when an
update fails."""

from __future__ import annotations

from typing import Any

from infra.local import pin
from infra.local.cloudformation import changes, outputs, registry, unchanged


def install() -> None:
    """Replace the engine's three questions about a type, and what a change set shows."""
    blocking = pin.original("services.cloudformation.stacks._runs_on_worker_thread", sha="23955511141f")
    reverted = pin.original("services.cloudformation.stacks._sends_back_failed_update", sha="33bf2b1cccba")

    def runs_on_worker_thread(resource_type: str) -> bool:
        """A handler that calls the API or waits would hold up the event loop that has to answer it."""
        return registry.blocks(resource_type) or bool(blocking(resource_type))

    def sends_back_failed_update(resource_type: str) -> bool:
        """A handler that waits has changed its resource by the time it fails: a service keeps its new task
        definition."""
        return registry.blocks(resource_type) or bool(reverted(resource_type))

    pin.replace(
        "services.cloudformation.stacks._runs_on_worker_thread", runs_on_worker_thread, sha="23955511141f"
    )
    pin.replace(
        "services.cloudformation.stacks._sends_back_failed_update",
        sends_back_failed_update,
        sha="33bf2b1cccba",
    )
    pin.replace("services.cloudformation.get_state", _state, sha="28c9536dcdf0")
    changes.install()
    outputs.install()
    unchanged.install()


def _state() -> dict[str, Any]:
    """Return the stores as they are: they are serialised at once, and copying every template first took longer."""
    from ministack.services import cloudformation

    return {key: store() for store, key in cloudformation._PERSISTED_STORES}
