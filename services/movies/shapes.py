"""What clients of `movies` send and get, as JSON; the limits here are those of openapi.json."""

from typing import Annotated

import msgspec

from chassis.pages import PageQuery
from movies.models import FIRST_YEAR, LAST_YEAR

# Something must be there to read; and U+0000, legal in JSON, cannot be stored by PostgreSQL.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=300, pattern=r"^\s*[^\s\x00][^\x00]*$")]
Year = Annotated[int, msgspec.Meta(ge=FIRST_YEAR, le=LAST_YEAR)]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
MovieId = Annotated[int, msgspec.Meta(ge=0, le=999_999_999_999_999, description="The movie's id.")]


class MovieInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client says of a movie. `id` is read only: a PUT may bring it back as it is in the path."""

    title: Name
    year: Year
    director: Name
    runtime_minutes: Minutes | None = None
    id: int | None = None


class MovieOutput(msgspec.Struct, frozen=True):
    id: int
    title: str
    year: int
    director: str
    runtime_minutes: int | None


class MoviesQuery(PageQuery, frozen=True):
    title: Annotated[
        str,
        msgspec.Meta(
            max_length=300,
            pattern=r"^[^\x00]*$",
            description="Only movies whose title contains this, in upper or lower case.",
        ),
    ] = ""
