"""Ratings and charts: what the tasks compute, twice, at once, late, and through a broker."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from celery.contrib.testing.worker import start_worker
from reviews_case import QueueSettings, ReviewsCase

from chassis.testing_postgres import eventually
from reviews import ratings
from reviews.tasks import CHART, RATE, REPAIR, make_tasks


class TestRating(ReviewsCase):
    def rating(self, movie_id: int = 1) -> dict:
        return self.call("GET", f"/movies/{movie_id}/rating").json

    def test_a_rating_is_the_average_of_the_stars(self):
        for stars in (5, 4, 2):
            self.review(stars=stars)
        self.review(movie_id=2, stars=1)

        self.run_task(RATE, 1)

        assert self.rating() == {"movie_id": 1, "count": 3, "average": 11 / 3}
        assert self.rating(2) == {"movie_id": 2, "count": 0, "average": None}

    def test_rating_twice_is_the_same_as_once(self):
        self.review(stars=3)

        self.run_task(RATE, 1)
        once = self.rating()
        self.run_task(RATE, 1)

        assert self.rating() == once == {"movie_id": 1, "count": 1, "average": 3.0}

    def test_a_movie_that_nobody_reviewed_can_be_rated_to_no_effect(self):
        self.run_task(RATE, 9)

        assert self.rating(9) == {"movie_id": 9, "count": 0, "average": None}

    def test_a_counted_review_is_no_longer_pending(self):
        self.review(movie_id=1)
        self.review(movie_id=2)

        self.run_task(RATE, 1)

        assert self.execute("SELECT movie_id FROM outbox") == [(2,)]

    def test_a_rating_that_waited_for_another_counts_what_came_meanwhile(self):
        self.review(stars=5)
        with self.tables.session() as first:
            ratings.recompute(first, 1)
            second = threading.Thread(target=self.run_task, args=(RATE, 1))
            second.start()
            assert eventually(lambda: self.waiting() == 1)
            self.execute("INSERT INTO reviews (movie_id, stars, text) VALUES (1, 1, '')")
        second.join(10)

        assert self.rating() == {"movie_id": 1, "count": 2, "average": 3.0}

    def waiting(self) -> int:
        ((count,),) = self.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return count

    def test_reviews_and_ratings_all_at_once_lose_nothing(self):
        def write_and_rate(stars: int) -> None:
            self.execute(
                "WITH pending AS (INSERT INTO outbox (movie_id) VALUES (1))"
                " INSERT INTO reviews (movie_id, stars, text) VALUES (1, :stars, '')",
                stars=stars,
            )
            self.run_task(RATE, 1)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write_and_rate, [1, 2, 3, 4, 5] * 12))

        assert self.rating() == {"movie_id": 1, "count": 60, "average": 3.0}
        assert self.execute("SELECT * FROM outbox") == []

    def test_a_failed_rating_leaves_the_review_pending(self):
        self.review(stars=5)
        with pytest.raises(ZeroDivisionError), self.tables.session() as session:
            ratings.recompute(session, 1)
            raise ZeroDivisionError

        assert self.rating()["count"] == 0
        assert self.execute("SELECT movie_id FROM outbox") == [(1,)]


class TestRepair(ReviewsCase):
    def repaired(self) -> list[int]:
        """The movies that one run of the task asks to be rated."""
        self.tasks.conf.update(broker_url="memory://", broker_transport_options={})
        self.run_task(REPAIR)
        with self.tasks.connection_for_read() as connection:
            queue = connection.SimpleQueue("reviews")
            messages = [queue.get(block=False).payload for _ in range(queue.qsize())]
            queue.clear()
        return [arguments[0] for arguments, _, _ in messages]

    def test_a_review_that_nobody_counted_is_published_again(self):
        for movie_id in (2, 1, 1):
            self.review(movie_id=movie_id)
        self.execute("UPDATE outbox SET published_at = now() - interval '31 seconds'")

        assert self.repaired() == [1, 2]

    def test_a_review_just_written_is_left_to_its_own_message(self):
        self.review()

        assert self.repaired() == []

    def test_what_was_published_again_is_not_at_once_published_once_more(self):
        self.review()
        self.execute("UPDATE outbox SET published_at = now() - interval '1 hour'")

        assert (self.repaired(), self.repaired()) == ([1], [])

    def test_what_the_queue_refuses_stays_overdue(self):
        self.review()
        self.execute("UPDATE outbox SET published_at = now() - interval '1 hour'")
        self.tasks.conf.update(broker_url="amqp://127.0.0.1:9//", broker_transport_options={"max_retries": 0})

        with pytest.raises(Exception, match="refused"):
            self.run_task(REPAIR)

        assert self.execute("SELECT now() - published_at > interval '59 minutes' FROM outbox") == [(True,)]


class TestChart(ReviewsCase):
    def rated(self, **movies: list[int]) -> None:
        for number, (title, stars) in enumerate(movies.items(), start=1):
            self.execute(
                "WITH film AS (INSERT INTO films (movie_id, title) VALUES (:id, :title))"
                " INSERT INTO ratings (movie_id, count, total) VALUES (:id, :count, :total)",
                id=number,
                title=title,
                count=len(stars),
                total=sum(stars),
            )

    def titles(self, query: str = "") -> list[str]:
        return [entry["title"] for entry in self.call("GET", f"/charts/top{query}").json["items"]]

    def test_an_entry_says_what_is_needed_to_show_it(self):
        self.review(movie_id=2, stars=4)
        self.review(movie_id=2, stars=5)
        self.run_task(RATE, 2)

        self.run_task(CHART)

        chart = self.call("GET", "/charts/top").json
        assert chart["items"] == [{"movie_id": 2, "title": "City Lights", "count": 2, "average": 4.5}]
        assert datetime.fromisoformat(chart["computed_at"]).tzinfo

    def test_many_good_reviews_stand_above_one_perfect_one(self):
        self.rated(one_fan=[5], loved=[5] * 40 + [4] * 10, average=[3] * 30, hated=[1] * 30)

        self.run_task(CHART)

        assert self.titles() == ["loved", "one_fan", "average", "hated"]

    def test_equals_stand_by_number_of_reviews_and_then_by_age(self):
        self.rated(second=[3, 3], third=[3, 3], first=[3, 3, 3])

        self.run_task(CHART)

        assert self.titles() == ["first", "second", "third"]

    def test_a_movie_with_no_reviews_has_no_place(self):
        self.rated(seen=[2], unseen=[])

        self.run_task(CHART)

        assert self.titles() == ["seen"]

    def test_a_reader_chooses_how_many_of_a_hundred(self):
        self.rated(**{f"m{number}": [4] for number in range(1, 121)})

        self.run_task(CHART)

        assert len(self.titles()) == 20
        assert len(self.titles("?limit=100")) == 100
        assert self.titles("?limit=2") == ["m1", "m2"]

    def test_a_chart_computed_late_does_not_replace_a_newer_one(self):
        self.rated(now=[5])
        self.run_task(CHART)
        self.execute("UPDATE charts SET computed_at = now() + interval '1 minute', items = '[]'")

        self.run_task(CHART)

        assert self.titles() == []

    def test_a_chart_follows_what_is_known_of_the_title(self):
        self.review(movie_id=1)
        self.catalogue.titles[1] = "Metropolis (restored)"
        self.review(movie_id=1)
        self.run_task(RATE, 1)

        self.run_task(CHART)

        assert self.titles() == ["Metropolis (restored)"]

    def test_the_schedule_is_the_setting_and_what_comes_late_is_dropped(self):
        schedule = make_tasks(QueueSettings(), lambda: self.tables, chart_seconds=7).conf.beat_schedule

        assert schedule == {
            CHART: {"task": CHART, "schedule": 7, "options": {"expires": 7}},
            REPAIR: {"task": REPAIR, "schedule": 15.0, "options": {"expires": 15.0}},
        }


class TestThroughABroker(ReviewsCase):
    def test_a_worker_takes_what_was_published(self):
        self.tasks.conf.update(broker_url="memory://", broker_transport_options={"polling_interval": 0.05})
        self.review(stars=4)

        with start_worker(self.tasks, perform_ping_check=False, pool="solo"):
            self.tasks.send_task(RATE, args=[1])
            self.tasks.send_task(CHART)
            charted = eventually(lambda: self.execute("SELECT items FROM charts") != [])

        assert charted
        assert self.call("GET", "/movies/1/rating").json == {"movie_id": 1, "count": 1, "average": 4.0}
