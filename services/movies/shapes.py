"""What clients of `movies` send and get, as JSON; the limits here are those of openapi.json."""

from typing import Annotated, Literal

import msgspec

from chassis.pages import PageQuery
from movies.models import FIRST_YEAR, LAST_YEAR

# Something must be there to read; and U+0000, legal in JSON, cannot be stored by PostgreSQL.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=300, pattern=r"^\s*[^\s\x00][^\x00]*$")]
Year = Annotated[int, msgspec.Meta(ge=FIRST_YEAR, le=LAST_YEAR)]
Minutes = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
MovieId = Annotated[int, msgspec.Meta(ge=0, le=999_999_999_999_999, description="The movie's id.")]
DirectorId = Annotated[int, msgspec.Meta(ge=0, le=999_999_999_999_999, description="The director's id.")]
PosterType = Literal["image/jpeg", "image/png", "image/webp"]
PosterUpload = Annotated[
    str, msgspec.Meta(pattern=r"^uploads/[0-9]{1,15}/[0-9a-f]{32}$", description="`key` of the upload.")
]


class MovieInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client says of a movie. What is read only may come back as it was read: `id` must be that of the path,
    `director_id` and `poster` are passed over.
    """

    title: Name
    year: Year
    director: Name
    runtime_minutes: Minutes | None = None
    id: int | None = None
    director_id: int | None = None
    poster: str | None = None


class MovieOutput(msgspec.Struct, frozen=True):
    id: int
    title: str
    year: int
    director: str
    runtime_minutes: int | None
    director_id: int | None
    poster: str | None


class DirectorOutput(msgspec.Struct, frozen=True):
    """`movies` is how many of the catalogue are this director's."""

    id: int
    name: str
    movies: int


class UploadInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    content_type: PosterType


class UploadOutput(msgspec.Struct, frozen=True):
    """Where a poster is posted to, straight to storage: `fields`, then the picture as the field `file`."""

    key: str
    url: str
    fields: dict[str, str]
    most_bytes: int
    expires_in: int


class PosterInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: PosterUpload


class DirectorsQuery(PageQuery, frozen=True):
    name: Annotated[
        str,
        msgspec.Meta(
            max_length=300,
            pattern=r"^[^\x00]*$",
            description="Only directors whose name contains this, in upper or lower case.",
        ),
    ] = ""


class MoviesQuery(PageQuery, frozen=True):
    title: Annotated[
        str,
        msgspec.Meta(
            max_length=300,
            pattern=r"^[^\x00]*$",
            description="Only movies whose title contains this, in upper or lower case.",
        ),
    ] = ""
    director: (
        Annotated[
            int,
            msgspec.Meta(
                ge=0, le=999_999_999_999_999, description="Only movies of the director with this id."
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
