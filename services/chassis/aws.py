"""AWS from the event loop: the only importer of aiobotocore. A client is made once and lives as long as the process.

One for each request would connect anew each time, and load the service's description again.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import BotoCoreError, ClientError

from chassis.problems import Unavailable

CONNECT, READ = 2, 5  # seconds
ATTEMPTS = 2


class AwsError(Unavailable):
    """AWS refused, with its error code in `code`, or could not be reached, with none; the message says which."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class Client:
    """The client of one AWS service, made on first use or by `open`, inside the loop that uses it.

    `endpoint` is where the service is when it is not AWS's own; `options` are botocore's `Config`.
    """

    def __init__(
        self,
        service: str,
        *,
        region: str,
        endpoint: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._service = service
        self._region = region
        self._endpoint = endpoint
        self._options = dict(options or {})
        self._open = AsyncExitStack()
        self._client: Any = None
        self._opening = asyncio.Lock()

    async def open(self) -> Any:
        """Return botocore's client; the first call makes it, which takes a moment of the processor's."""
        async with self._opening:
            if self._client is None:
                self._client = await self._open.enter_async_context(
                    _session().create_client(
                        self._service,
                        region_name=self._region,
                        endpoint_url=self._endpoint,
                        config=AioConfig(
                            connect_timeout=CONNECT,
                            read_timeout=READ,
                            retries={"total_max_attempts": ATTEMPTS},
                            **self._options,
                        ),
                    )
                )
            return self._client

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Any]:
        """Give botocore's client; what it raises within becomes an AwsError."""
        try:
            yield await self.open()
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise AwsError(f"{self._service} refused: {error}", code) from error
        except BotoCoreError as error:
            raise AwsError(f"{self._service} cannot be reached: {error}") from error

    async def close(self) -> None:
        """Close its connections."""
        await self._open.aclose()
        self._client = None


@functools.cache
def _session() -> AioSession:
    """One a process: it keeps the credentials and the services' descriptions."""
    return get_session()
