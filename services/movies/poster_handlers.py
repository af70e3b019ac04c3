"""HTTP for posters: a form to upload one, its acceptance, and the way to the picture."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis import etags
from chassis.auth import authenticated
from chassis.bucket import BucketUnavailable
from chassis.operations import ETAG, Reply, operation
from chassis.problems import ProblemError
from chassis.web import Handler
from movies import catalogue, posters
from movies.catalogue import Stored
from movies.handlers import UNKNOWN, changed, etag, shown, unknown
from movies.shapes import MovieId, MovieOutput, PosterInput, UploadInput, UploadOutput

# A browser may use the address again for so long, in seconds; it is valid for longer.
REUSED = 300


@asynccontextmanager
async def reachable() -> AsyncIterator[None]:
    """End the request with 503 when the bucket cannot be used."""
    try:
        yield
    except BucketUnavailable as error:
        detail = "posters cannot be stored or fetched now"
        raise ProblemError(503, detail=detail, headers={"Retry-After": "5"}) from error


class PosterHandler(Handler):
    """/movies/{movie_id}/poster"""

    path_parameters = {"movie_id": MovieId}  # noqa: RUF012

    @operation(
        id="getPoster",
        summary="Go to a movie's poster",
        replies={307: Reply("The poster is there for a while.", headers={"Location": "Its address."})},
        problems={404: "There is no such movie, or it has no poster."},
    )
    async def get(self, movie_id: str) -> None:
        key = (await self.movie(movie_id)).poster_key
        if key is None:
            raise ProblemError(404, detail=f"movie {int(movie_id)} has no poster")
        async with reachable():
            address = await self.dependencies.bucket.address(key, seconds=posters.FETCH_SECONDS)
        self.set_status(307)
        self.set_header("Location", address)
        self.set_header("Cache-Control", f"private, max-age={REUSED}")
        self.clear_header("Content-Type")
        self.finish()

    @authenticated(scope="movies:write")
    @operation(
        id="uploadPoster",
        summary="Ask where to upload a poster",
        description="Post the form with the picture to `url`, then name its `key` in a PUT of the poster.",
        body=UploadInput,
        replies={200: Reply("A form for one picture of this type.", UploadOutput)},
        problems=UNKNOWN,
    )
    async def post(self, movie_id: str) -> None:
        said = self.body(UploadInput)
        key = posters.new_key((await self.movie(movie_id)).id)
        async with reachable():
            form = await posters.form(self.dependencies.bucket, key, said.content_type)
        self.send(UploadOutput(key, form.url, dict(form.fields), posters.MOST, posters.UPLOAD_SECONDS))

    @authenticated(scope="movies:write")
    @operation(
        id="setPoster",
        summary="Make an upload the movie's poster",
        body=PosterInput,
        headers=("If-Match",),
        replies={200: Reply("The movie as it is now.", MovieOutput, ETAG)},
        problems=UNKNOWN,
    )
    async def put(self, movie_id: str) -> None:
        key = self.body(PosterInput).key
        if not key.startswith(f"{posters.UPLOADS}{(await self.movie(movie_id)).id}/"):
            raise not_a_poster("the upload belongs to another movie")
        async with reachable():
            try:
                kept = await posters.accept(self.dependencies.bucket, key)
            except posters.NotAPosterError as error:
                raise not_a_poster(str(error)) from error
        movie = await self.set_poster(movie_id, kept)
        self.send(shown(movie), headers={"ETag": etag(movie)})

    @authenticated(scope="movies:write")
    @operation(
        id="removePoster",
        summary="Remove a movie's poster",
        headers=("If-Match",),
        replies={204: Reply("The movie has no poster.")},
        problems=UNKNOWN,
    )
    async def delete(self, movie_id: str) -> None:
        await self.set_poster(movie_id, None)
        self.send(None, 204)

    async def movie(self, movie_id: str) -> Stored:
        """Return the movie; ends the request with 404 when there is none."""
        movie = await catalogue.get(self.dependencies.database, int(movie_id))
        if movie is None:
            raise unknown(movie_id)
        return movie

    async def set_poster(self, movie_id: str, key: str | None) -> Stored:
        """Store the key and forget the poster that was there; ends the request with 404 or 412."""
        versions = etags.accepted(self.request.headers.get("If-Match"))
        try:
            async with self.dependencies.database.transaction() as connection:
                found = await catalogue.set_poster(connection, int(movie_id), key, versions=versions)
        except catalogue.MovieConflict as error:
            await self.forget(key)
            raise changed(movie_id) from error
        if found is None:
            await self.forget(key)
            raise unknown(movie_id)
        movie, former = found
        if former != key:
            await self.forget(former)
        return movie

    async def forget(self, key: str | None) -> None:
        if key:
            await posters.forget(self.dependencies.bucket, key)


def not_a_poster(text: str) -> ProblemError:
    return ProblemError(422, detail="the upload is no poster", errors=[{"detail": text, "pointer": "#/key"}])
