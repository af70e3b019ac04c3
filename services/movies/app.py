"""The wiring of the catalogue: its routes and what they depend on."""

from dataclasses import dataclass

from chassis import web
from chassis.bucket import Bucket
from movies.director_handlers import DirectorHandler, DirectorsHandler
from movies.handlers import MovieHandler, MoviesHandler
from movies.poster_handlers import PosterHandler

ROUTES = (
    (r"/movies", MoviesHandler),
    (r"/movies/([0-9]{1,15})", MovieHandler),
    (r"/movies/([0-9]{1,15})/poster", PosterHandler),
    (r"/directors", DirectorsHandler),
    (r"/directors/([0-9]{1,15})", DirectorHandler),
)


@dataclass(frozen=True, kw_only=True)
class Dependencies(web.Dependencies):
    bucket: Bucket

    async def open(self) -> None:
        await super().open()
        await self.bucket.open()

    async def close(self) -> None:
        await self.bucket.close()
        await super().close()


def make_app(dependencies: Dependencies) -> web.Application:
    return web.application(ROUTES, dependencies)
