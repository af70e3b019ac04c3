"""The wiring of the reviews service: its routes and what they depend on."""

from dataclasses import dataclass

from chassis import web
from reviews.catalogue import Catalogue
from reviews.computation_handlers import ComputationHandler, ComputationsHandler
from reviews.handlers import RatingHandler, ReviewsHandler, TopChartHandler

ROUTES = (
    (r"/movies/([0-9]{1,15})/reviews", ReviewsHandler),
    (r"/movies/([0-9]{1,15})/rating", RatingHandler),
    (r"/charts/top", TopChartHandler),
    (r"/charts/computations", ComputationsHandler),
    (r"/charts/computations/([0-9]{1,15})", ComputationHandler),
)


@dataclass(frozen=True, kw_only=True)
class Dependencies(web.Dependencies):
    catalogue: Catalogue


def make_app(dependencies: Dependencies) -> web.Application:
    return web.application(ROUTES, dependencies)
