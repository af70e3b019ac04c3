"""The wiring of the catalogue: its routes."""

from chassis import web
from movies.handlers import MovieHandler, MoviesHandler

ROUTES = (
    (r"/movies", MoviesHandler),
    (r"/movies/([0-9]{1,15})", MovieHandler),
)


def make_app(dependencies: web.Dependencies) -> web.Application:
    return web.application(ROUTES, dependencies)
