"""The wiring of the reviews service: its routes and what they depend on."""

from dataclasses import dataclass

from chassis import web
from reviews.catalogue import Catalogue
from reviews.handlers import RatingHandler, ReviewsHandler, TopChartHandler
from reviews.rating_requests import RatingRequests

ROUTES = (
    (r"/movies/([0-9]{1,15})/reviews", ReviewsHandler),
    (r"/movies/([0-9]{1,15})/rating", RatingHandler),
    (r"/charts/top", TopChartHandler),
)


@dataclass(frozen=True, kw_only=True)
class Dependencies(web.Dependencies):
    catalogue: Catalogue
    rating_requests: RatingRequests

    async def close(self) -> None:
        await self.rating_requests.close()
        await super().close()


def make_app(dependencies: Dependencies) -> web.Application:
    return web.application(ROUTES, dependencies)
