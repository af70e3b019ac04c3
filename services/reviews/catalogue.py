"""What this service asks of `movies`."""

import msgspec

from chassis.client import ServiceClient, ServiceUnavailable
from reviews.shapes import KnownMovie


class Catalogue:
    """The service `movies`, asked over HTTP."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def find(self, movie_id: int) -> KnownMovie | None:
        """Return the movie, None when `movies` says that there is none. Raises ServiceUnavailable."""
        answer = await self._client.get(f"/movies/{movie_id}")
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise ServiceUnavailable(f"movies answered {answer.status}")
        try:
            return answer.json(KnownMovie)
        except msgspec.DecodeError as error:
            raise ServiceUnavailable(f"movies answered something else than a movie: {error}") from error
