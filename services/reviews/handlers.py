"""HTTP for reviews, ratings and charts: reads the request, calls the logic once, writes the answer."""

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import pages
from chassis.auth import authenticated
from chassis.client import ServiceUnavailable
from chassis.idempotency import once
from chassis.operations import LOCATION, Reply, operation
from chassis.pages import Page, PageQuery
from chassis.problems import ProblemError
from chassis.web import Answer, Handler
from reviews import charts, ratings, reviewing
from reviews.reviewing import Stored
from reviews.shapes import (
    ChartQuery,
    KnownMovie,
    MovieId,
    MovieRating,
    ReviewInput,
    ReviewOutput,
    TopChart,
)
from reviews.tasks import RATE

NEWEST = 2**63 - 1
RETRY_AFTER = "5"  # seconds


class ReviewsHandler(Handler):
    """/movies/{movie_id}/reviews"""

    path_parameters = {"movie_id": MovieId}  # noqa: RUF012

    @operation(
        id="listReviews",
        summary="List a movie's reviews, newest first",
        query=PageQuery,
        replies={200: Reply("A page of reviews.", Page[ReviewOutput])},
    )
    async def get(self, movie_id: str) -> None:
        query = self.query(PageQuery)
        before = pages.decode(query.cursor) if query.cursor else NEWEST
        database = self.dependencies.database
        found = await reviewing.find(database, int(movie_id), before=before, limit=query.limit + 1)
        self.send(pages.page(found, query.limit, shown=shown, key=lambda review: review.id))

    @authenticated(scope="reviews:write")
    @operation(
        id="addReview",
        summary="Review a movie",
        body=ReviewInput,
        headers=("Idempotency-Key",),
        replies={201: Reply("The review is stored.", ReviewOutput, LOCATION)},
        problems={404: "There is no such movie."},
    )
    async def post(self, movie_id: str) -> None:
        said = self.body(ReviewInput)
        movie = await self.movie(int(movie_id))
        author = self.claims.sub if self.claims else None

        async def add(connection: AsyncConnection) -> Answer:
            review = await reviewing.add(connection, movie, said, author=author)
            return Answer(shown(review), 201, {"Location": location(review)})

        answer = await once(self, add)
        # Only now is the review there to be counted; should this fail, the outbox remembers.
        self.dependencies.task_requests.send(RATE, movie.id)
        self.answer(answer)

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

    path_parameters = {"movie_id": MovieId}  # noqa: RUF012

    @operation(
        id="getRating",
        summary="Show what a movie's reviews add up to",
        replies={200: Reply("The rating; without reviews a count of 0 and no average.", MovieRating)},
    )
    async def get(self, movie_id: str) -> None:
        self.send(await ratings.get(self.dependencies.database, int(movie_id)))


class TopChartHandler(Handler):
    """/charts/top"""

    @operation(
        id="getTopChart",
        summary="Show the best rated movies",
        query=ChartQuery,
        replies={200: Reply("The chart as it was last computed.", TopChart)},
    )
    async def get(self) -> None:
        query = self.query(ChartQuery)
        self.send(await charts.get(self.dependencies.database, limit=query.limit))


def shown(review: Stored) -> ReviewOutput:
    return ReviewOutput(*review)


def location(review: Stored) -> str:
    """The list of the movie's reviews from this one on, and of these only one."""
    return f"/movies/{review.movie_id}/reviews?limit=1&cursor={pages.encode(review.id + 1)}"
