"""HTTP for directors; they are read only, since movies say who they are."""

from chassis import pages
from chassis.operations import Reply, operation
from chassis.pages import Page
from chassis.problems import ProblemError
from chassis.web import Handler
from movies import directors
from movies.shapes import DirectorId, DirectorOutput, DirectorsQuery


class DirectorsHandler(Handler):
    """/directors"""

    @operation(
        id="listDirectors",
        summary="List directors in order of id",
        query=DirectorsQuery,
        replies={200: Reply("A page of directors.", Page[DirectorOutput])},
    )
    async def get(self) -> None:
        query = self.query(DirectorsQuery)
        after = pages.decode(query.cursor) if query.cursor else 0
        database = self.dependencies.database
        found = await directors.find(database, query.name, after=after, limit=query.limit + 1)
        self.send(pages.page(found, query.limit, shown=lambda one: one, key=lambda one: one.id))


class DirectorHandler(Handler):
    """/directors/{director_id}"""

    path_parameters = {"director_id": DirectorId}  # noqa: RUF012

    @operation(
        id="getDirector",
        summary="Show a director",
        replies={200: Reply("The director.", DirectorOutput)},
        problems={404: "No movie is by such a director."},
    )
    async def get(self, director_id: str) -> None:
        director = await directors.get(self.dependencies.database, int(director_id))
        if director is None:
            raise ProblemError(404, detail=f"there is no director {int(director_id)}")
        self.send(director)
