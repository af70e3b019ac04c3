"""What clients of `reviews` send and get, as JSON; the limits here are those of openapi.json."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from chassis.pages import DEFAULT, MOST

Stars = Annotated[int, msgspec.Meta(ge=1, le=5)]
# U+0000 is legal in JSON and cannot be stored by PostgreSQL.
Words = Annotated[str, msgspec.Meta(max_length=10_000, pattern=r"^[^\x00]*$")]
MovieId = Annotated[int, msgspec.Meta(ge=0, le=999_999_999_999_999, description="The movie's id.")]
ComputationId = Annotated[
    int, msgspec.Meta(ge=0, le=999_999_999_999_999, description="The computation's id.")
]
ComputationState = Literal["queued", "running", "done", "failed"]


class ReviewInput(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    stars: Stars
    text: Words = ""


class ReviewOutput(msgspec.Struct, frozen=True):
    id: int
    movie_id: int
    stars: int
    text: str
    author: str | None
    created_at: datetime


class KnownMovie(msgspec.Struct, frozen=True):
    """A movie in the words of the service `movies`; what else it says is not our concern."""

    id: int
    title: str


class MovieRating(msgspec.Struct, frozen=True):
    """`average` of the stars, unrounded; None without reviews."""

    movie_id: int
    count: int
    average: float | None


class ChartEntry(msgspec.Struct, frozen=True):
    movie_id: int
    title: str
    count: int
    average: float


class TopChart(msgspec.Struct, frozen=True):
    """`computed_at` is None before the first time."""

    items: list[ChartEntry]
    computed_at: datetime | None


class ComputationOutput(msgspec.Struct, frozen=True):
    """`started_at` is when the latest try began; `chart` is where to read the chart, once it is done."""

    id: int
    state: ComputationState
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    chart: str | None


class ChartQuery(msgspec.Struct, frozen=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST, description="Entries of the chart.")] = DEFAULT
