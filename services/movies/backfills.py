"""Rows of the catalogue to be moved once."""

from chassis.batches import Batches

# The trigger of revision 0006 does the work: it fires whenever `director` is written, even with the same name.
DIRECTORS = Batches(
    name="movies.director_id",
    table="movies",
    statement="UPDATE movies SET director = director WHERE id > :after AND id <= :upto AND director_id IS NULL",
)

# For the rows that are older than the trigger of revision 0010. Since 0013 there is no `year`.
RELEASE_YEARS = Batches(
    name="movies.release_year",
    table="movies",
    statement="UPDATE movies SET release_year = year WHERE id > :after AND id <= :upto AND release_year IS NULL",
)

# The other way round, for whoever takes revision 0013 back.
YEARS = Batches(
    name="movies.year",
    table="movies",
    statement="UPDATE movies SET year = release_year WHERE id > :after AND id <= :upto AND year IS NULL",
)
