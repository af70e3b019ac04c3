"""botocore's models of the services, read once a process: each session of its own would parse megabytes anew."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.loaders import Loader, create_loader


def session(*, region_name: str | None = None, **credentials: Any) -> boto3.session.Session:
    """Return a session that shares its models with all others; `credentials` as boto3's Session takes them."""
    core = botocore.session.get_session()
    loader = _loader(core.get_config_variable("data_path"))
    core.register_component("data_loader", loader)
    made = boto3.session.Session(botocore_session=core, region_name=region_name, **credentials)
    # Each session adds boto3's own folder to the places to look in.
    loader.search_paths[:] = dict.fromkeys(loader.search_paths)
    return made


@cache
def _loader(data_path: str | None) -> Loader:
    loader: Loader = create_loader(data_path)
    return loader
