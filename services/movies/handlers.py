"""HTTP for the catalogue: reads the request, calls `catalogue` once, writes the answer."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import etags, pages
from chassis.auth import authenticated
from chassis.idempotency import once
from chassis.operations import ETAG, LOCATION, Reply, operation
from chassis.pages import Page
from chassis.problems import ProblemError
from chassis.web import Answer, Handler
from movies import catalogue, posters
from movies.catalogue import Stored
from movies.shapes import MovieId, MovieInput, MovieOutput, MoviesQuery

UNKNOWN = {404: "There is no such movie."}


class MoviesHandler(Handler):
    """/movies"""

    @operation(
        id="listMovies",
        summary="List movies in order of id",
        query=MoviesQuery,
        replies={200: Reply("A page of movies.", Page[MovieOutput])},
    )
    async def get(self) -> None:
        query = self.query(MoviesQuery)
        after = pages.decode(query.cursor) if query.cursor else 0
        director = None if query.director is msgspec.UNSET else query.director
        movies = await catalogue.find(
            self.dependencies.database,
            query.title,
            director=director,
            after=after,
            limit=query.limit + 1,
        )
        self.send(pages.page(movies, query.limit, shown=shown, key=lambda movie: movie.id))

    @authenticated(scope="movies:write")
    @operation(
        id="addMovie",
        summary="Add a movie",
        body=MovieInput,
        headers=("Idempotency-Key",),
        replies={201: Reply("The movie is stored.", MovieOutput, LOCATION | ETAG)},
    )
    async def post(self) -> None:
        said = self.body(MovieInput)
        if said.id is not None:
            raise wrong_id("the service chooses the id of a new movie")

        async def add(connection: AsyncConnection) -> Answer:
            movie = await catalogue.add(connection, said)
            return Answer(shown(movie), 201, {"Location": f"/movies/{movie.id}", "ETag": etag(movie)})

        self.answer(await once(self, add))


class MovieHandler(Handler):
    """/movies/{movie_id}"""

    path_parameters = {"movie_id": MovieId}  # noqa: RUF012

    @operation(
        id="getMovie",
        summary="Show a movie",
        headers=("If-None-Match",),
        replies={200: Reply("The movie.", MovieOutput, ETAG), 304: Reply("The movie has the ETag given.")},
        problems=UNKNOWN,
    )
    async def get(self, movie_id: str) -> None:
        movie = await catalogue.get(self.dependencies.database, int(movie_id))
        if movie is None:
            raise unknown(movie_id)
        self.send(shown(movie), headers={"ETag": etag(movie)})

    @authenticated(scope="movies:write")
    @operation(
        id="replaceMovie",
        summary="Replace what is said of a movie",
        body=MovieInput,
        headers=("If-Match",),
        replies={200: Reply("The movie as it is now.", MovieOutput, ETAG)},
        problems=UNKNOWN,
    )
    async def put(self, movie_id: str) -> None:
        said = self.body(MovieInput)
        if said.id not in (None, int(movie_id)):
            raise wrong_id(f"should be {int(movie_id)}, as in the path, or absent")
        try:
            async with self.dependencies.database.transaction() as connection:
                movie = await catalogue.replace(connection, int(movie_id), said, versions=self.versions())
        except catalogue.MovieConflict as error:
            raise changed(movie_id) from error
        if movie is None:
            raise unknown(movie_id)
        self.send(shown(movie), headers={"ETag": etag(movie)})

    @authenticated(scope="movies:write")
    @operation(
        id="removeMovie",
        summary="Remove a movie",
        headers=("If-Match",),
        replies={204: Reply("The movie is gone.")},
        problems=UNKNOWN,
    )
    async def delete(self, movie_id: str) -> None:
        try:
            async with self.dependencies.database.transaction() as connection:
                removed = await catalogue.remove(connection, int(movie_id), versions=self.versions())
        except catalogue.MovieConflict as error:
            raise changed(movie_id) from error
        if removed is None:
            raise unknown(movie_id)
        if removed.poster_key:
            await posters.forget(self.dependencies.bucket, removed.poster_key)
        self.send(None, 204)

    def versions(self) -> set[int] | None:
        """Return the versions that If-Match accepts; None for any."""
        return etags.accepted(self.request.headers.get("If-Match"))


def shown(movie: Stored) -> MovieOutput:
    return MovieOutput(
        id=movie.id,
        title=movie.title,
        year=movie.release_year,
        director=movie.director,
        runtime_minutes=movie.runtime_minutes,
        director_id=movie.director_id,
        poster=f"/movies/{movie.id}/poster" if movie.poster_key else None,
    )


def etag(movie: Stored) -> str:
    return etags.tag(movie.version)


def unknown(movie_id: str) -> ProblemError:
    return ProblemError(404, detail=f"there is no movie {int(movie_id)}")


def changed(movie_id: str) -> ProblemError:
    return ProblemError(412, detail=f"movie {int(movie_id)} has changed since; read it again")


def wrong_id(text: str) -> ProblemError:
    return ProblemError(
        422, detail="the body is not what this resource takes", errors=[{"detail": text, "pointer": "#/id"}]
    )
