"""A chart asked for now: 202 and a place to watch it from, one at a time, done once however often the task comes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from reviews_case import ReviewsCase, writer
from sqlalchemy.exc import DBAPIError

from chassis.testing import token
from reviews.computations import TRIES
from reviews.tasks import COMPUTE, RATE, REPAIR

PATH = "/charts/computations"


class ComputationsCase(ReviewsCase):
    def ask(self) -> str:
        """Ask for the chart and return where it can be watched."""
        answer = self.call("POST", PATH, b"", token=writer())
        assert answer.status == 202, answer.body
        return answer.headers["Location"]

    def published(self) -> list[tuple[str, int]]:
        self.io_loop.run_sync(self._app.dependencies.task_requests.close)
        return self.queue.published

    def state(self, location: str) -> str:
        return self.call("GET", location).json["state"]


class TestAsking(ComputationsCase):
    def test_it_is_accepted_and_has_a_place_to_be_watched_from(self):
        answer = self.call("POST", PATH, b"", token=writer())

        said = answer.json
        assert (answer.status, answer.headers["Retry-After"]) == (202, "1")
        assert answer.headers["Location"] == f"{PATH}/{said['id']}"
        assert {name: said[name] for name in ("state", "started_at", "finished_at", "chart")} == {
            "state": "queued",
            "started_at": None,
            "finished_at": None,
            "chart": None,
        }
        assert datetime.fromisoformat(said["requested_at"]).tzinfo
        assert self.call("GET", answer.headers["Location"]).json == said
        assert self.published() == [(COMPUTE, said["id"])]

    def test_it_is_not_for_everybody(self):
        assert self.call("POST", PATH, b"").status == 401
        assert self.call("POST", PATH, b"", token=token("reviews:read", "reviews")).status == 403
        assert self.execute("SELECT * FROM computations") == []

    def test_who_asks_while_one_waits_is_given_that_one(self):
        first, second = self.ask(), self.ask()

        assert first == second
        assert len(self.published()) == 1

    def test_who_asks_while_one_runs_is_given_a_new_one(self):
        first = self.ask()
        self.execute("UPDATE computations SET started_at = now()")

        second = self.ask()

        assert (self.state(first), self.state(second)) == ("running", "queued")

    def test_many_who_ask_at_once_share_one(self):
        async def ask_often():
            headers = {"Authorization": f"Bearer {writer()}"}
            fetch = self.http_client.fetch
            asked = [fetch(self.get_url(PATH), method="POST", body=b"", headers=headers) for _ in range(8)]
            return {(await one).headers["Location"] for one in asked}

        assert len(self.io_loop.run_sync(ask_often)) == 1
        assert len(self.published()) == 1

    def test_it_is_safe_while_the_queue_is_down(self):
        self.queue.down = True

        location = self.ask()

        assert self.published() == []
        assert self.state(location) == "queued"

    def test_there_is_nothing_where_none_was_asked_for(self):
        assert self.call("GET", f"{PATH}/999").status == 404
        assert self.call("GET", f"{PATH}/x").status == 404
        assert self.call("GET", PATH).status == 405


class TestComputing(ComputationsCase):
    def number(self, location: str) -> int:
        return int(location.rpartition("/")[2])

    def test_when_it_is_done_it_says_where_the_chart_is(self):
        self.review(stars=5)
        self.run_task(RATE, 1)
        location = self.ask()

        self.run_task(COMPUTE, self.number(location))

        answer = self.call("GET", location)
        said = answer.json
        assert (said["state"], said["chart"]) == ("done", "/charts/top")
        assert said["requested_at"] < said["started_at"] < said["finished_at"]
        assert answer.headers["Link"] == '</charts/top>; rel="related"'
        assert "Retry-After" not in answer.headers
        assert [entry["title"] for entry in self.call("GET", said["chart"]).json["items"]] == ["Metropolis"]

    def test_while_it_is_not_done_it_says_when_to_look_again_and_is_not_stored(self):
        answer = self.call("GET", self.ask())

        assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("1", "no-store")
        assert "Link" not in answer.headers

    def test_a_task_that_comes_twice_changes_nothing(self):
        location = self.ask()
        self.run_task(COMPUTE, self.number(location))
        before = self.call("GET", location).json, self.call("GET", "/charts/top").json

        self.run_task(COMPUTE, self.number(location))

        assert (self.call("GET", location).json, self.call("GET", "/charts/top").json) == before

    def test_a_task_of_which_nothing_is_known_any_more_does_nothing(self):
        self.run_task(COMPUTE, 999)

        assert self.call("GET", "/charts/top").json == {"items": [], "computed_at": None}

    def test_the_same_task_at_once_in_many_workers_ends_well(self):
        number = self.number(location := self.ask())

        with ThreadPoolExecutor(TRIES) as threads:
            list(threads.map(lambda _: self.run_task(COMPUTE, number), range(TRIES)))

        assert self.state(location) == "done"

    def test_what_a_worker_left_undone_is_done_by_the_next(self):
        location = self.ask()
        self.execute("UPDATE computations SET started_at = now() - interval '6 minutes', tries = 1")

        self.run_task(COMPUTE, self.number(location))

        assert self.state(location) == "done"

    def test_after_so_many_tries_it_has_failed(self):
        location = self.ask()
        self.execute("ALTER TABLE charts RENAME TO no_charts")
        self.addCleanup(self.execute, "ALTER TABLE no_charts RENAME TO charts")
        for _ in range(TRIES):
            with pytest.raises(DBAPIError, match="charts"):
                self.run_task(COMPUTE, self.number(location))
        tried = self.state(location)

        self.run_task(COMPUTE, self.number(location))

        answer = self.call("GET", location)
        assert tried == "running"
        assert (answer.json["state"], answer.json["chart"]) == ("failed", None)
        assert answer.json["finished_at"]
        assert "Retry-After" not in answer.headers


class TestRepairing(ComputationsCase):
    def repaired(self) -> list[tuple[str, int]]:
        """What one run of the repair task puts into the queue."""
        self.tasks.conf.update(broker_url="memory://", broker_transport_options={})
        self.run_task(REPAIR)
        with self.tasks.connection_for_read() as connection:
            queue = connection.SimpleQueue("reviews")
            messages = [queue.get(block=False) for _ in range(queue.qsize())]
            queue.clear()
        return [(message.headers["task"], message.payload[0][0]) for message in messages]

    def aged(self, **columns: str) -> int:
        """Make a computation whose columns are so old; return its number."""
        number = int(self.ask().rpartition("/")[2])
        for name, age in columns.items():
            change = f"UPDATE computations SET {name} = now() - CAST(:age AS interval) WHERE id = :id"  # noqa: S608
            self.execute(change, age=age, id=number)
        return number

    def test_one_that_no_worker_took_is_published_again_and_only_once(self):
        number = self.aged(published_at="31 seconds")

        assert (self.repaired(), self.repaired()) == ([(COMPUTE, number)], [])

    def test_one_just_asked_for_is_left_to_its_own_message(self):
        self.ask()

        assert self.repaired() == []

    def test_one_that_runs_is_left_to_its_worker_until_that_must_be_gone(self):
        self.aged(published_at="9 minutes", started_at="9 minutes")
        lost = self.aged(published_at="11 minutes", started_at="11 minutes")

        assert self.repaired() == [(COMPUTE, lost)]

    def test_one_finished_is_forgotten_after_a_day_and_not_before(self):
        self.aged(finished_at="25 hours")
        kept = self.aged(finished_at="23 hours")

        assert self.repaired() == []

        assert self.execute("SELECT id FROM computations") == [(kept,)]
