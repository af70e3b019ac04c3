"""The tables of the reviews service, as the migrations leave them."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Text,
    false,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis import database, idempotency, schedule
from reviews.shapes import ComputationState

QUEUED = text("started_at IS NULL AND finished_at IS NULL")


class Base(DeclarativeBase):
    metadata = database.new_metadata()


class Film(Base):
    """What `movies` said about a movie when it was last asked; the chart needs the title without a call."""

    __tablename__ = "films"

    movie_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    title: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Review(Base):
    __tablename__ = "reviews"
    __table_args__ = (CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    movie_id: Mapped[int] = mapped_column(BigInteger)
    stars: Mapped[int] = mapped_column(SmallInteger)
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    author: Mapped[str | None] = mapped_column(Text)


Index("ix_reviews_movie_id_id", Review.movie_id, Review.id)


class Rating(Base):
    """The sum of a movie's reviews; always recomputed whole, so computing it twice changes nothing."""

    __tablename__ = "ratings"

    movie_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(Integer)
    total: Mapped[int] = mapped_column(BigInteger)
    computed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Pending(Base):
    """One row a review not yet in its movie's rating, written in the review's own transaction (an outbox).

    The task that counts the review deletes the row; a row that stays too long is published again.
    """

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    movie_id: Mapped[int] = mapped_column(BigInteger)
    published_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


Index("ix_outbox_movie_id", Pending.movie_id)


class Chart(Base):
    """A chart as it was last computed; one row, so that a reader never sees half of a new one."""

    __tablename__ = "charts"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    computed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class Computation(Base):
    """A request that a chart be computed now. At most one waits to begin; a second that asks is given that one."""

    __tablename__ = "computations"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    chart: Mapped[str] = mapped_column(Text)
    requested_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    published_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    tries: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    failed: Mapped[bool] = mapped_column(Boolean, server_default=false())

    @property
    def state(self) -> ComputationState:
        if self.finished_at:
            return "failed" if self.failed else "done"
        return "running" if self.started_at else "queued"


Index("uq_computations_queued", Computation.chart, unique=True, postgresql_where=QUEUED)
Index("ix_computations_finished_at", Computation.finished_at)

idempotency.table(Base.metadata)
schedule.table(Base.metadata)
