"""Alembic's entry; what it does is shared by all services."""

from sqlalchemy import MetaData

from chassis.migrations_env import run

run(MetaData())
