"""Alembic's entry: the chassis runs it, against these models."""

from chassis import migrations_env
from movies.models import Base

migrations_env.run(Base.metadata)
