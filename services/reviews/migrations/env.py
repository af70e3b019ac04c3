"""Alembic's entry: the chassis runs it, against these models."""

from chassis import migrations_env
from reviews.models import Base

migrations_env.run(Base.metadata)
