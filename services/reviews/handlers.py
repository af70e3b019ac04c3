"""HTTP for reviews, ratings and charts: reads the request, calls the logic once, writes the answer."""

from typing import Any

import msgspec

from chassis import pages
from chassis.auth import authenticated
from chassis.client import ServiceUnavailable
from chassis.pages import PageQuery
from chassis.problems import ProblemError
from chassis.web import Handler
from reviews import charts, ratings, reviewing
from reviews.models import Review
from reviews.shapes import ChartQuery, KnownMovie, ReviewInput, ReviewOutput

NEWEST = 2**63 - 1
RETRY_AFTER = "5"  # seconds


class ReviewsHandler(Handler):
    """/movies/{movie_id}/reviews"""

    async def get(self, movie_id: str) -> None:
        query = self.query(PageQuery)
        before = pages.decode(query.cursor) if query.cursor else NEWEST
        async with self.dependencies.database.session() as session:
            found = await reviewing.find(session, int(movie_id), before=before, limit=query.limit + 1)
        self.send(pages.page(found, query.limit, shown=shown, key=lambda review: review.id))

    @authenticated(scope="reviews:write")
    async def post(self, movie_id: str) -> None:
        said = self.body(ReviewInput)
        movie = await self.movie(int(movie_id))
        async with self.dependencies.database.session() as session:
            review = await reviewing.add(
                session, movie, said, author=self.claims.sub if self.claims else None
            )
        # Only now is the review there to be counted; should this fail, the outbox remembers.
        self.dependencies.rating_requests.send(movie.id)
        self.send(shown(review), 201, headers={"Location": location(review)})

    async def movie(self, movie_id: int) -> KnownMovie:
        """Ask `movies`; ends the request with 404 or 503 when it knows none or cannot say."""
        try:
            movie: KnownMovie | None = await self.dependencies.catalogue.find(movie_id)
        except ServiceUnavailable as error:
            raise ProblemError(
                503, detail="the catalogue cannot be asked now", headers={"Retry-After": RETRY_AFTER}
            ) from error
        if movie is None:
            raise ProblemError(404, detail=f"there is no movie {movie_id}")
        return movie


class RatingHandler(Handler):
    """/movies/{movie_id}/rating"""

    async def get(self, movie_id: str) -> None:
        async with self.dependencies.database.session() as session:
            rating = await ratings.get(session, int(movie_id))
        self.send(rating)


class TopChartHandler(Handler):
    """/charts/top"""

    async def get(self) -> None:
        query = self.query(ChartQuery)
        async with self.dependencies.database.session() as session:
            chart = await charts.get(session, limit=query.limit)
        self.send(chart)


def shown(review: Review) -> Any:
    return msgspec.convert(review, ReviewOutput, from_attributes=True)


def location(review: Review) -> str:
    """The list of the movie's reviews from this one on, and of these only one."""
    return f"/movies/{review.movie_id}/reviews?limit=1&cursor={pages.encode(review.id + 1)}"
