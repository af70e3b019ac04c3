"""HTTP for computations of the chart: asked for now, done by a worker later, watched meanwhile (RFC 9110, 15.3.3)."""

from chassis.auth import authenticated
from chassis.operations import LOCATION, Reply, operation
from chassis.problems import ProblemError
from chassis.web import Handler
from reviews import computations
from reviews.models import Computation
from reviews.shapes import ComputationId, ComputationOutput
from reviews.tasks import COMPUTE

CHART = "/charts/top"
SOON = "1"  # seconds
RETRY_AFTER = {"Retry-After": "Seconds until it is worth while to look again; until it is finished."}
LINK = {"Link": "The chart, when it is done."}


class ComputationsHandler(Handler):
    """/charts/computations"""

    @authenticated(scope="reviews:write")
    @operation(
        id="computeTopChart",
        summary="Have the chart computed now",
        description="Who asks while a computation waits to begin is given that one.",
        replies={202: Reply("It will be computed.", ComputationOutput, LOCATION | RETRY_AFTER)},
    )
    async def post(self) -> None:
        async with self.dependencies.database.session() as session:
            computation, is_new = await computations.request(session)
        if is_new:
            # Only now is the row there to be found by a worker; should this fail, the repair task publishes it.
            self.dependencies.task_requests.send(COMPUTE, computation.id)
        path = f"/charts/computations/{computation.id}"
        self.send(shown(computation), 202, headers={"Location": path, "Retry-After": SOON})


class ComputationHandler(Handler):
    """/charts/computations/{computation_id}"""

    path_parameters = {"computation_id": ComputationId}  # noqa: RUF012

    @operation(
        id="getComputation",
        summary="Show how far a computation of the chart is",
        replies={200: Reply("How far it is.", ComputationOutput, RETRY_AFTER | LINK)},
        problems={404: "There is no such computation, or it was finished more than a day ago."},
    )
    async def get(self, computation_id: str) -> None:
        async with self.dependencies.database.reading() as session:
            computation = await computations.get(session, int(computation_id))
        if computation is None:
            raise ProblemError(404, detail=f"there is no computation {int(computation_id)}")
        self.set_header("Cache-Control", "no-store")
        if computation.state == "done":
            self.set_header("Link", f'<{CHART}>; rel="related"')
        elif computation.state != "failed":
            self.set_header("Retry-After", SOON)
        self.send(shown(computation))


def shown(computation: Computation) -> ComputationOutput:
    return ComputationOutput(
        id=computation.id,
        state=computation.state,
        requested_at=computation.requested_at,
        started_at=computation.started_at,
        finished_at=computation.finished_at,
        chart=CHART if computation.state == "done" else None,
    )
