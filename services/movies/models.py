"""The tables of the catalogue, as the migrations leave them."""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, Text, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis import database, idempotency

SEEDED_IDS = 1000  # ids up to here belong to the seeds of the migrations; users' movies begin above
FIRST_YEAR = 1888
LAST_YEAR = 2100


class Base(DeclarativeBase):
    metadata = database.new_metadata()


class Director(Base):
    """Made by the database (revision 0006) when a movie names somebody new; one without movies is not shown."""

    __tablename__ = "directors"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=False), primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)


class Movie(Base):
    __tablename__ = "movies"
    __table_args__ = (
        CheckConstraint(f"release_year BETWEEN {FIRST_YEAR} AND {LAST_YEAR}", name="release_year"),
    )

    id: Mapped[int] = mapped_column(
        BigInteger, Identity(always=False, start=SEEDED_IDS + 1), primary_key=True
    )
    title: Mapped[str] = mapped_column(Text)
    director: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    runtime_minutes: Mapped[int | None] = mapped_column(Integer)
    director_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey(Director.id))
    poster_key: Mapped[str | None] = mapped_column(Text)
    release_year: Mapped[int] = mapped_column(Integer)


# `trigrams` is made by the migrations: pg_trgm in small, without needing the right to create an extension.
Index("ix_movies_title_trigrams", func.trigrams(Movie.title), postgresql_using="gin")
Index("ix_directors_name_trigrams", func.trigrams(Director.name), postgresql_using="gin")
Index("ix_movies_director_id_id", Movie.director_id, Movie.id)

idempotency.table(Base.metadata)
