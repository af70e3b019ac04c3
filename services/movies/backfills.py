"""Rows of the catalogue to be moved once."""

from chassis.batches import Batches

# The trigger of revision 0006 does the work: it fires whenever `director` is written, even with the same name.
DIRECTORS = Batches(
    name="movies.director_id",
    table="movies",
    statement="UPDATE movies SET director = director WHERE id > :after AND id <= :upto AND director_id IS NULL",
)
