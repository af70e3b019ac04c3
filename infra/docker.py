"""The Docker engine that builds and keeps images; the only Docker SDK outside the local cloud.

It speaks to the engine's classic builder: BuildKit cannot be reached through the SDK (docker-py issue 2230).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests.exceptions

import docker
import docker.errors
from infra import context, debian, wheels
from infra.errors import EstaleiroError
from infra.events import Event
from infra.images import Architecture, Image
