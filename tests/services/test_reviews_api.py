"""The reviews service's HTTP interface, on the real application and a real PostgreSQL."""

from datetime import UTC, datetime, timedelta

from reviews_case import ReviewsCase, writer

from chassis.testing import token
from reviews.tasks import RATE

GOOD = {"stars": 4, "text": "Ça vaut la peine 🎬"}


class TestWriting(ReviewsCase):
    def test_a_review_is_stored_and_has_a_place(self):
        answer = self.call("POST", "/movies/1/reviews", GOOD, token=writer(sub="ana"))

        review = answer.json
        written = datetime.fromisoformat(review["created_at"])
        assert answer.status == 201
        assert review == {
            "id": review["id"],
            "movie_id": 1,
            "stars": 4,
            "text": "Ça vaut la peine 🎬",
            "author": "ana",
            "created_at": review["created_at"],
        }
        assert abs(datetime.now(UTC) - written) < timedelta(minutes=1)
        assert self.call("GET", "/movies/1/reviews").json == {"items": [review], "next": None}

    def test_its_location_shows_that_review(self):
        self.review()
        answer = self.call("POST", "/movies/1/reviews", GOOD, token=writer())
        self.review()

        there = self.call("GET", answer.headers["Location"])

        assert there.json["items"] == [answer.json]

    def test_a_movie_that_the_catalogue_does_not_know_cannot_be_reviewed(self):
        answer = self.call("POST", "/movies/3/reviews", GOOD, token=writer())

        assert answer.status == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json == {"title": "Not Found", "status": 404, "detail": "there is no movie 3"}
        assert self.execute("SELECT * FROM reviews") == []

    def test_without_the_catalogue_the_client_is_asked_to_come_back(self):
        self.catalogue.away = True

        answer = self.call("POST", "/movies/1/reviews", GOOD, token=writer())

        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["detail"] == "the catalogue cannot be asked now"

    def test_it_is_not_for_everybody(self):
        statuses = [
            self.call("POST", "/movies/1/reviews", GOOD, token=given).status
            for given in (None, "junk", token("reviews:write", "movies"), token("movies:write", "reviews"))
        ]

        assert statuses == [401, 401, 401, 403]

    def test_a_body_that_is_no_review_is_refused_and_the_place_named(self):
        wrong = {
            "/stars": [
                {"stars": 0},
                {"stars": 6},
                {"stars": 4.5},
                {"stars": "5"},
                {"stars": None},
                {"stars": True},
            ],
            "/text": [{"text": "x" * 10_001}, {"text": 7}, {"text": None}, {"text": "a\0b"}],
            "": [{"movie_id": 2}],
        }
        for pointer, changes in wrong.items():
            for change in changes:
                answer = self.call("POST", "/movies/1/reviews", {**GOOD, **change}, token=writer())

                assert answer.status == 422, change
                assert answer.json["errors"][0]["pointer"] == f"#{pointer}", change

    def test_stars_are_needed_and_words_are_not(self):
        without_stars = self.call("POST", "/movies/1/reviews", {"text": "fine"}, token=writer())
        without_words = self.call("POST", "/movies/1/reviews", {"stars": 3}, token=writer())

        assert (without_stars.status, without_words.status) == (422, 201)
        assert without_words.json["text"] == ""

    def test_a_body_that_is_no_json_is_refused(self):
        answer = self.call("POST", "/movies/1/reviews", b"{", token=writer())

        assert answer.status == 400

    def test_the_queue_is_asked_for_the_rating(self):
        self.review(movie_id=1)
        self.review(movie_id=2)

        self.io_loop.run_sync(self._app.dependencies.task_requests.close)
        assert self.queue.published == [(RATE, 1), (RATE, 2)]

    def test_a_review_is_safe_while_the_queue_is_down(self):
        self.queue.down = True

        self.review(movie_id=2)

        self.io_loop.run_sync(self._app.dependencies.task_requests.close)
        assert self.execute("SELECT movie_id FROM outbox") == [(2,)]


class TestReading(ReviewsCase):
    def test_the_newest_comes_first_and_pages_follow_one_another(self):
        written = [self.review(stars=1 + number % 5)["id"] for number in range(7)]
        self.review(movie_id=2)

        pages, query = [], "limit=3"
        while query:
            page = self.call("GET", f"/movies/1/reviews?{query}").json
            pages.append([review["id"] for review in page["items"]])
            query = f"limit=3&cursor={page['next']}" if page["next"] else ""

        newest_first = written[::-1]
        assert pages == [newest_first[:3], newest_first[3:6], newest_first[6:]]

    def test_pages_stay_right_while_reviews_arrive(self):
        old = [self.review()["id"] for _ in range(4)]
        first = self.call("GET", "/movies/1/reviews?limit=2").json
        self.review()

        second = self.call("GET", f"/movies/1/reviews?limit=2&cursor={first['next']}").json

        assert [review["id"] for review in first["items"] + second["items"]] == old[::-1]

    def test_bad_parameters_are_a_problem(self):
        statuses = [
            self.call("GET", path).status
            for path in (
                "/movies/1/reviews?limit=0",
                "/movies/1/reviews?limit=101",
                "/movies/1/reviews?cursor=mine",
                "/charts/top?limit=many",
                "/charts/top?limit=1000",
            )
        ]

        assert statuses == [400] * 5

    def test_a_movie_without_reviews_has_none(self):
        assert self.call("GET", "/movies/7/reviews").json == {"items": [], "next": None}

    def test_a_movie_without_reviews_has_no_average(self):
        answer = self.call("GET", "/movies/7/rating")

        assert (answer.status, answer.json) == (200, {"movie_id": 7, "count": 0, "average": None})

    def test_there_is_a_chart_before_it_is_computed(self):
        answer = self.call("GET", "/charts/top")

        assert (answer.status, answer.json) == (200, {"items": [], "computed_at": None})

    def test_nothing_else_is_there(self):
        statuses = [
            self.call("GET", path).status
            for path in (
                "/movies/1",
                "/charts",
                "/charts/bottom",
                "/movies/x/rating",
                f"/movies/{'9' * 30}/rating",
            )
        ]

        assert statuses == [404] * 5

    def test_other_methods_are_refused(self):
        statuses = [
            self.call(method, path, {}).status
            for method, path in (
                ("PUT", "/movies/1/reviews"),
                ("POST", "/movies/1/rating"),
                ("DELETE", "/charts/top"),
            )
        ]

        assert statuses == [405, 405, 405]
