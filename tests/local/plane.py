"""The local cloud's control plane alone: databases have no container, and its whole state can be read, kept and restored.

`python -m tests.local.plane --settings FILE --door PORT` serves as `python -m infra.local` does, with one more half:
a door on PORT (GET /state, POST /keep, /restore, /status/STACK/STATUS) that speaks to the emulator's own stores, not to its API.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import threading
from collections.abc import Iterator, MutableMapping, MutableSet
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

from infra.local import persistence, server
from infra.local import settings as files
from infra.local.settings import Settings

_door: list[int] = []
_kept: dict[tuple[str, str], Any] = {}


@dataclass
class Container:
    """What stands for a database's server; it answers at once and holds nothing."""

    status: str = "running"
    id: str = "none"


class NoEngine:
    """Takes what would go to Docker."""

    def __getattr__(self, name: str) -> NoEngine:
        return self

    def __call__(self, *positional: Any, **named: Any) -> NoEngine:
        return self


def install(settings: Settings) -> None:
    """Take the containers out from under the databases."""
    from infra.local.rds import containers, snapshots

    nothing = NoEngine()
    replaced = {
        "find": lambda identifier: Container(),
        "address": lambda container: "",
        "answers": lambda record: True,
    }
    quiet = ("run", "stop", "remove", "remove_volume", "copy_volume", "set_password")
    for name, stand_in in {**replaced, **dict.fromkeys(quiet, nothing)}.items():
        setattr(containers, name, stand_in)
    snapshots.engine = nothing  # type: ignore[assignment]


async def start() -> None:
    """Open the door."""
    found = HTTPServer(("127.0.0.1", _door[0]), Door)
    threading.Thread(target=found.serve_forever, daemon=True).start()


async def stop() -> None:
    """The door closes with the process."""


class Door(BaseHTTPRequestHandler):
    """Answers the three requests."""

    def do_GET(self) -> None:
        self._answer(json.dumps(state(), default=str).encode())

    def do_POST(self) -> None:
        if self.path.startswith("/status/"):
            _set_status(*self.path.split("/")[2:])
        else:
            (_keep if self.path == "/keep" else _restore)()
        self._answer(b"{}")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


def state() -> dict[str, Any]:
    """Return every store of every service, as the emulator saves them."""
    from ministack import app

    getters = app._build_persistence_save_dict() | {key: get for key, (get, _) in persistence._stores.items()}
    from ministack.core.persistence import _json_default

    return {key: json.loads(json.dumps(get(), default=_json_default)) for key, get in sorted(getters.items())}


def _stores() -> Iterator[tuple[tuple[str, str], Any]]:
    for name, module in list(sys.modules.items()):
        if name.startswith(("ministack.services.", "infra.local.")) and isinstance(module, ModuleType):
            for key, value in list(vars(module).items()):
                own = key.startswith("_") and not key.startswith("__")
                held = isinstance(value, MutableMapping | MutableSet) or hasattr(value, "_data")
                if held and (own or name == "infra.local.ecs.records"):
                    yield (name, key), value


def _plain(value: Any) -> Any:
    return value._data if hasattr(value, "_data") else value


def _keep() -> None:
    _kept.clear()
    whole = {key: _plain(value) for key, value in _stores() if _is_data(_plain(value))}
    _kept.update(copy.deepcopy(whole))


def _restore() -> None:
    fresh = copy.deepcopy(_kept)
    for key, value in _stores():
        if key in fresh:
            held = _plain(value)
            held.clear()
            held.update(fresh[key])


def _set_status(name: str, status: str) -> None:
    from ministack.services import cloudformation

    for stack in cloudformation._stacks.all_values():
        if stack["StackName"] == name and stack["StackStatus"] != "DELETE_COMPLETE":
            stack["StackStatus"] = status


def _is_data(value: Any) -> bool:
    """Functions, locks and handlers are no state."""
    try:
        copy.deepcopy(value)
        json.dumps(list(value)[:3], default=str)
    except (TypeError, ValueError, RuntimeError):
        return False
    sample = list(value.values())[:20] if isinstance(value, MutableMapping) else list(value)[:20]
    return not any(callable(one) or isinstance(one, ModuleType) for one in sample)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--settings", type=Path, required=True)
    parser.add_argument("--door", type=int, required=True)
    arguments = parser.parse_args()
    _door.append(arguments.door)
    server.HALVES = (*server.HALVES, "tests.local.plane_half")
    server.serve(files.read(arguments.settings))


if __name__ == "__main__":
    main()
