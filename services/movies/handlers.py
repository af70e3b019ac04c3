"""HTTP for the catalogue: reads the request, calls `catalogue` once, writes the answer."""

import re
from typing import Any

import msgspec

from chassis import pages
from chassis.auth import authenticated
from chassis.problems import ProblemError
from chassis.web import Handler
from movies import catalogue
from movies.models import Movie
from movies.shapes import MovieInput, MovieOutput, MoviesQuery


class MoviesHandler(Handler):
    """/movies"""

    async def get(self) -> None:
        query = self.query(MoviesQuery)
        after = pages.decode(query.cursor) if query.cursor else 0
        async with self.dependencies.database.session() as session:
            movies = await catalogue.find(session, query.title, after=after, limit=query.limit + 1)
        self.send(pages.page(movies, query.limit, shown=shown, key=lambda movie: movie.id))

    @authenticated(scope="movies:write")
    async def post(self) -> None:
        said = self.body(MovieInput)
        if said.id is not None:
            raise wrong_id("the service chooses the id of a new movie")
        async with self.dependencies.database.session() as session:
            movie = await catalogue.add(session, said)
        self.send(shown(movie), 201, headers={"Location": f"/movies/{movie.id}", "ETag": etag(movie)})


class MovieHandler(Handler):
    """/movies/{movie_id}"""

    tag: str | None = None

    async def get(self, movie_id: str) -> None:
        async with self.dependencies.database.session() as session:
            movie = await catalogue.get(session, int(movie_id))
        if movie is None:
            raise unknown(movie_id)
        self.tag = etag(movie)
        self.send(shown(movie))

    @authenticated(scope="movies:write")
    async def put(self, movie_id: str) -> None:
        said = self.body(MovieInput)
        if said.id not in (None, int(movie_id)):
            raise wrong_id(f"should be {int(movie_id)}, as in the path, or absent")
        try:
            async with self.dependencies.database.session() as session:
                movie = await catalogue.replace(session, int(movie_id), said, versions=self.versions())
        except catalogue.MovieConflict as error:
            raise changed(movie_id) from error
        if movie is None:
            raise unknown(movie_id)
        self.send(shown(movie), headers={"ETag": etag(movie)})

    @authenticated(scope="movies:write")
    async def delete(self, movie_id: str) -> None:
        try:
            async with self.dependencies.database.session() as session:
                found = await catalogue.remove(session, int(movie_id), versions=self.versions())
        except catalogue.MovieConflict as error:
            raise changed(movie_id) from error
        if not found:
            raise unknown(movie_id)
        self.send(None, 204)

    def compute_etag(self) -> str | None:
        # Tornado asks when it sends an answer to GET, and makes it a 304 when the client has this one.
        return self.tag

    def versions(self) -> set[int] | None:
        """Return the versions that If-Match accepts; None for any.

        RFC 9110, 13.1.1 asks for strong tags. A weak one counts too: a proxy that compresses makes our tags
        weak, and they name the stored row, whatever its encoding on the way.
        """
        given = self.request.headers.get("If-Match", "*").strip()
        return None if given == "*" else {int(version) for version in re.findall(r'"v(\d{1,9})"', given)}


def shown(movie: Movie) -> Any:
    return msgspec.convert(movie, MovieOutput, from_attributes=True)


def etag(movie: Movie) -> str:
    return f'"v{movie.version}"'


def unknown(movie_id: str) -> ProblemError:
    return ProblemError(404, detail=f"there is no movie {int(movie_id)}")


def changed(movie_id: str) -> ProblemError:
    return ProblemError(412, detail=f"movie {int(movie_id)} has changed since; read it again")


def wrong_id(text: str) -> ProblemError:
    return ProblemError(
        422, detail="the body is not what this resource takes", errors=[{"detail": text, "pointer": "#/id"}]
    )
