"""The reviews service as its tests run it: the real application, a real PostgreSQL, a catalogue of two movies."""

from dataclasses import dataclass, field

from sqlalchemy import text

from chassis.client import ServiceUnavailable
from chassis.database import Database, SyncDatabase
from chassis.task_requests import TaskRequests
from chassis.testing import ServiceTestCase, token, verifier
from chassis.web import Application
from reviews.app import Dependencies, make_app
from reviews.shapes import KnownMovie
from reviews.tasks import make_tasks

TITLES = {1: "Metropolis", 2: "City Lights"}


@dataclass
class FakeCatalogue:
    """Knows `titles`; does not answer while `away`."""

    titles: dict[int, str] = field(default_factory=lambda: dict(TITLES))
    away: bool = False

    async def find(self, movie_id: int) -> KnownMovie | None:
        if self.away:
            raise ServiceUnavailable("movies does not answer")
        title = self.titles.get(movie_id)
        return KnownMovie(movie_id, title) if title else None


@dataclass
class FakeQueue:
    """Keeps what was published; refuses everything while `down`."""

    published: list[tuple[str, int]] = field(default_factory=list)
    down: bool = False

    async def publish(self, task: str, about: int) -> None:
        if self.down:
            raise ConnectionError("the queue does not answer")
        self.published.append((task, about))


@dataclass(frozen=True)
class QueueSettings:
    service: str = "reviews"
    queue_url: str = "http://127.0.0.1:9/000000000000/reviews"
    aws_region: str = "eu-west-1"


def writer(**claims) -> str:
    return token("reviews:write", "reviews", **claims)


class ReviewsCase(ServiceTestCase):
    service = "reviews"

    def make_app(self, database_url) -> Application:
        self.catalogue = FakeCatalogue()
        self.queue = FakeQueue()
        return make_app(
            Dependencies(
                service="reviews",
                database=Database(database_url),
                verifier=verifier("reviews"),
                catalogue=self.catalogue,
                task_requests=TaskRequests(self.queue.publish),
            )
        )

    def setUp(self) -> None:
        super().setUp()
        self.tables = SyncDatabase(self.database_url, pool_size=8)
        self.addCleanup(self.tables.dispose)
        self.execute("TRUNCATE reviews, ratings, outbox, films, charts, computations")
        self.tasks = make_tasks(QueueSettings(), lambda: self.tables, chart_seconds=30)

    def execute(self, statement: str, **values) -> list:
        with self.tables.session() as session:
            result = session.execute(text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def review(self, movie_id: int = 1, stars: int = 5, words: str = "") -> dict:
        answer = self.call(
            "POST", f"/movies/{movie_id}/reviews", {"stars": stars, "text": words}, token=writer()
        )
        assert answer.status == 201, answer.body
        return answer.json

    def run_task(self, name: str, *arguments) -> None:
        self.tasks.tasks[name](*arguments)
