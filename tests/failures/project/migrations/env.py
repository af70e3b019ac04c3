"""Alembic's entry: the chassis runs it."""

import sqlalchemy

from chassis import migrations_env

migrations_env.run(sqlalchemy.MetaData())
