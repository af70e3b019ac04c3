"""The catalogue's HTTP interface, on the real application and a real PostgreSQL."""

from movies_case import JAWS, MoviesCase, writer

from chassis.testing import token


class TestReading(MoviesCase):
    def test_seeded_films_are_there(self):
        answer = self.call("GET", "/movies/4")

        assert answer.status == 200
        assert answer.json == {
            "id": 4,
            "title": "Citizen Kane",
            "year": 1941,
            "director": "Orson Welles",
            "runtime_minutes": 119,
            "director_id": answer.json["director_id"],
            "poster": None,
        }

    def test_a_list_has_twenty_items_and_a_cursor_unless_asked_otherwise(self):
        page = self.call("GET", "/movies").json

        assert [movie["id"] for movie in page["items"]] == list(range(1, 21))
        assert page["next"]

    def test_pages_follow_one_another_without_gap_or_double(self):
        first = self.call("GET", "/movies?limit=30").json
        second = self.call("GET", f"/movies?limit=30&cursor={first['next']}").json

        ids = [movie["id"] for movie in first["items"] + second["items"]]
        assert ids[:56] == list(range(1, 57))
        assert ids == sorted(set(ids))
        assert second["next"] is None

    def test_a_title_is_found_by_any_part_in_any_case(self):
        found = {
            words: [movie["title"] for movie in self.call("GET", f"/movies?title={words}").json["items"]]
            for words in ("GODFATHER", "alie", "x:%20f", "8%C2%BD", "%25", "_", "nosuchfilm")
        }

        assert found == {
            "GODFATHER": ["The Godfather"],
            "alie": ["Alien"],
            "x:%20f": ["Mad Max: Fury Road"],
            "8%C2%BD": ["8½"],
            "%25": [],
            "_": [],
            "nosuchfilm": [],
        }

    def test_accents_count_but_their_case_does_not(self):
        self.added(title="ÉTÉ À BAIE-SAINT-PAUL")

        found = self.call("GET", "/movies?title=%C3%A9t%C3%A9%20%C3%A0").json["items"]

        assert [movie["title"] for movie in found] == ["ÉTÉ À BAIE-SAINT-PAUL"]

    def test_bad_parameters_are_a_problem(self):
        statuses = {
            query: self.call("GET", f"/movies?{query}").status
            for query in (
                "limit=0",
                "limit=101",
                "limit=ten",
                "cursor=x",
                "cursor=AAAAAAAAAA%3D",
                "limit=1&limit=2",
            )
        }

        assert set(statuses.values()) == {400}, statuses

    def test_a_problem_says_what_is_wrong(self):
        answer = self.call("GET", "/movies/999")

        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json == {"title": "Not Found", "status": 404, "detail": "there is no movie 999"}

    def test_ids_that_no_row_can_have_are_not_found(self):
        statuses = [
            self.call("GET", f"/movies/{movie_id}").status
            for movie_id in ("0", "999999999999999", "9" * 16, "9" * 40, "x", "-1", "1.5")
        ]

        assert statuses == [404] * 7

    def test_what_a_reader_has_already_is_not_sent_again(self):
        first = self.call("GET", "/movies/4")

        second = self.call("GET", "/movies/4", headers={"If-None-Match": first.headers["ETag"]})

        assert (second.status, second.body) == (304, b"")

    def test_a_list_too_can_be_asked_for_only_if_changed(self):
        first = self.call("GET", "/movies?limit=3")

        second = self.call("GET", "/movies?limit=3", headers={"If-None-Match": first.headers["ETag"]})

        assert second.status == 304

    def test_other_methods_are_refused_with_those_allowed(self):
        answer = self.call("PATCH", "/movies/4", {})

        assert answer.status == 405
        assert answer.headers["Allow"] == "DELETE, GET, HEAD, PUT"

    def test_a_token_is_no_hindrance_to_reading(self):
        answer = self.call("GET", "/movies/4", token=token("movies:read", "movies"))

        assert answer.status == 200


class TestAdding(MoviesCase):
    def test_a_new_movie_has_a_place_of_its_own(self):
        answer = self.call("POST", "/movies", JAWS, token=writer())

        movie = answer.json
        assert answer.status == 201
        assert movie["id"] > 1000
        assert movie == {**JAWS, "id": movie["id"], "director_id": movie["director_id"], "poster": None}
        assert answer.headers["Location"] == f"/movies/{movie['id']}"
        assert self.call("GET", answer.headers["Location"]).json == movie

    def test_how_long_it_runs_may_be_unknown(self):
        answer = self.call("POST", "/movies", {"title": "?", "year": 1999, "director": "?"}, token=writer())

        assert answer.status == 201
        assert answer.json["runtime_minutes"] is None

    def test_it_is_not_for_everybody(self):
        statuses = [
            self.call("POST", "/movies", JAWS, token=given).status
            for given in (None, "junk", token("movies:write", "reviews"), token("movies:read", "movies"))
        ]

        assert statuses == [401, 401, 401, 403]

    def test_a_body_that_is_no_movie_is_refused_and_the_place_named(self):
        wrong = {
            "/title": [{"title": ""}, {"title": "  "}, {"title": "x" * 301}, {"title": 7}, {"title": "a\0b"}],
            "/year": [{"year": 1887}, {"year": 2101}, {"year": "1975"}, {"year": 1975.5}, {"year": None}],
            "/director": [{"director": None}, {"director": ["x"]}],
            "/runtime_minutes": [{"runtime_minutes": 0}, {"runtime_minutes": "long"}],
            "/id": [{"id": 5}],
            "": [{"rating": 5}],
        }
        for pointer, changes in wrong.items():
            for change in changes:
                answer = self.call("POST", "/movies", {**JAWS, **change}, token=writer())

                assert answer.status == 422, change
                assert answer.json["errors"][0]["pointer"] == f"#{pointer}", change

    def test_a_part_left_out_is_refused(self):
        for name in ("title", "year", "director"):
            body = {key: value for key, value in JAWS.items() if key != name}

            answer = self.call("POST", "/movies", body, token=writer())

            assert answer.status == 422
            assert name in answer.json["errors"][0]["detail"]

    def test_a_body_that_is_no_json_is_refused(self):
        for body in (b"", b"{", b'{"title": "\\ud800"}', b"\xff"):
            answer = self.call("POST", "/movies", body, token=writer())

            assert answer.status == 400, body[:10]

    def test_other_media_are_refused(self):
        answer = self.call("POST", "/movies", JAWS, token=writer(), content_type="text/plain")

        assert answer.status == 415

    def test_two_movies_may_have_the_same_name(self):
        assert self.added()["id"] != self.added()["id"]


class TestReplacing(MoviesCase):
    def test_what_is_said_now_is_all_that_is_said(self):
        movie = self.added()

        answer = self.call(
            "PUT",
            f"/movies/{movie['id']}",
            {"title": "Jaws 2", "year": 1978, "director": "Jeannot Szwarc"},
            token=writer(),
        )

        changed = {
            "id": movie["id"],
            "title": "Jaws 2",
            "year": 1978,
            "director": "Jeannot Szwarc",
            "runtime_minutes": None,
            "director_id": answer.json["director_id"],
            "poster": None,
        }
        assert (answer.status, answer.json) == (200, changed)
        assert self.call("GET", f"/movies/{movie['id']}").json == changed

    def test_a_movie_that_was_read_can_be_sent_back_changed(self):
        movie = self.added()

        answer = self.call("PUT", f"/movies/{movie['id']}", {**movie, "year": 1976}, token=writer())

        assert (answer.status, answer.json) == (200, {**movie, "year": 1976})

    def test_a_movie_cannot_take_another_id(self):
        movie = self.added()

        answer = self.call("PUT", f"/movies/{movie['id']}", {**movie, "id": 4}, token=writer())

        assert answer.status == 422

    def test_nobody_overwrites_what_he_has_not_seen(self):
        path = f"/movies/{self.added()['id']}"
        seen = self.call("GET", path).headers["ETag"]
        mine = self.call("PUT", path, {**JAWS, "year": 1976}, token=writer(), headers={"If-Match": seen})

        late = self.call("PUT", path, {**JAWS, "year": 1977}, token=writer(), headers={"If-Match": seen})

        assert (mine.status, late.status) == (200, 412)
        assert self.call("GET", path).json["year"] == 1976
        assert self.call("GET", path).headers["ETag"] == mine.headers["ETag"] != seen

    def test_if_match_is_read_as_browsers_and_proxies_write_it(self):
        path = f"/movies/{self.added()['id']}"
        statuses = [
            self.call("PUT", path, JAWS, token=writer(), headers={"If-Match": given}).status
            for given in ("*", 'W/"v2"', '"v1", "v3"', '"v1"', '"v99999999999999999999"', "nonsense", "")
        ]

        assert statuses == [200, 200, 200, 412, 412, 412, 412]

    def test_a_movie_that_is_not_there_cannot_be_replaced(self):
        plain = self.call("PUT", "/movies/999", JAWS, token=writer())
        conditional = self.call("PUT", "/movies/999", JAWS, token=writer(), headers={"If-Match": '"v1"'})

        assert (plain.status, conditional.status) == (404, 404)

    def test_it_is_not_for_everybody(self):
        statuses = [
            self.call("PUT", "/movies/4", JAWS, token=given).status for given in (None, token("", "movies"))
        ]

        assert statuses == [401, 403]


class TestRemoving(MoviesCase):
    def test_a_movie_goes(self):
        path = f"/movies/{self.added()['id']}"

        answer = self.call("DELETE", path, token=writer())

        assert (answer.status, answer.body) == (204, b"")
        assert self.call("GET", path).status == 404
        assert self.call("DELETE", path, token=writer()).status == 404

    def test_nobody_removes_what_he_has_not_seen(self):
        path = f"/movies/{self.added()['id']}"

        late = self.call("DELETE", path, token=writer(), headers={"If-Match": '"v7"'})
        right = self.call("DELETE", path, token=writer(), headers={"If-Match": '"v1"'})

        assert (late.status, right.status) == (412, 204)

    def test_it_is_not_for_everybody(self):
        assert self.call("DELETE", "/movies/4").status == 401
        assert self.call("DELETE", "/movies/4", token=token("reviews:write", "movies")).status == 403
        assert self.call("GET", "/movies/4").status == 200
