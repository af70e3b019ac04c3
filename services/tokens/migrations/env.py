"""Alembic's entry; what it does is shared by all services."""

from chassis.migrations_env import run
from tokens.models import Base

run(Base.metadata)
