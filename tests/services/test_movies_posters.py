"""Posters: a form to upload one straight to storage, what is accepted as a poster, and the way to the picture."""

from movies_case import PNG, MoviesCase, writer

from chassis.testing import token


class TestPosters(MoviesCase):
    def uploaded(self, movie: int, body: bytes = PNG, kind: str = "image/png") -> str:
        """Ask for a form and do what a client does with it; return the key."""
        asked = self.call("POST", f"/movies/{movie}/poster", {"content_type": "image/png"}, token=writer())
        assert asked.status == 200, asked.body
        self.bucket.objects[asked.json["key"]] = (kind, body)
        return asked.json["key"]

    def accepted(self, movie: int) -> str:
        """Give the movie a poster; return the path at which it is shown."""
        key = self.uploaded(movie)
        answer = self.call("PUT", f"/movies/{movie}/poster", {"key": key}, token=writer())
        assert answer.status == 200, answer.body
        return answer.json["poster"]

    def test_a_form_takes_one_picture_of_one_type_and_size(self):
        answer = self.call("POST", "/movies/4/poster", {"content_type": "image/webp"}, token=writer())

        (form,) = self.bucket.forms
        assert form == {
            "key": answer.json["key"], "content_type": "image/webp", "most": 2097152, "seconds": 600
        }  # fmt: skip
        assert answer.json == {
            "key": form["key"],
            "url": "https://bucket.example/",
            "fields": {"key": form["key"], "Content-Type": "image/webp"},
            "most_bytes": 2097152,
            "expires_in": 600,
        }
        assert form["key"].startswith("uploads/4/")

    def test_an_accepted_upload_is_the_movies_poster_from_then_on(self):
        movie = self.added()
        seen = self.call("GET", f"/movies/{movie['id']}").headers["ETag"]

        path = self.accepted(movie["id"])

        now = self.call("GET", f"/movies/{movie['id']}")
        led = self.call("GET", path)
        assert path == now.json["poster"] == f"/movies/{movie['id']}/poster"
        assert now.headers["ETag"] != seen
        assert (led.status, led.body) == (307, b"")
        assert led.headers["Location"].startswith(f"https://bucket.example/posters/{movie['id']}/")
        assert led.headers["Cache-Control"] == "private, max-age=300"

    def test_a_movie_without_a_poster_and_one_that_is_not_there_lead_nowhere(self):
        assert self.call("GET", "/movies/5/poster").status == 404
        assert self.call("GET", "/movies/999/poster").status == 404

    def test_what_is_no_poster_is_refused_and_the_reason_told(self):
        wrong = {
            "the file is not image/png": (b"<svg onload=alert(1)>", "image/png"),
            "image/svg+xml is no kind of picture that is shown here": (b"<svg/>", "image/svg+xml"),
            "the picture has 2097153 bytes; 2097152 are allowed": (PNG.ljust(2097153), "image/png"),
        }
        for reason, (body, kind) in wrong.items():
            key = self.uploaded(6, body, kind)

            answer = self.call("PUT", "/movies/6/poster", {"key": key}, token=writer())

            assert (answer.status, answer.json["errors"][0]["detail"]) == (422, reason)
        assert self.call("GET", "/movies/6").json["poster"] is None

    def test_a_key_with_nothing_behind_it_or_of_another_movie_is_refused(self):
        other = self.uploaded(7)
        empty = "uploads/8/" + "0" * 32
        for key in (other, empty, "posters/8/" + "0" * 32, "uploads/8/../7"):
            answer = self.call("PUT", "/movies/8/poster", {"key": key}, token=writer())

            assert answer.status == 422, key

    def test_a_new_poster_takes_the_place_of_the_old_one(self):
        first = self.call("GET", self.accepted(9)).headers["Location"]

        second = self.call("GET", self.accepted(9)).headers["Location"]

        kept = [key for key in self.bucket.objects if key.startswith("posters/9/")]
        assert first != second
        assert len(kept) == 1

    def test_nobody_takes_the_place_of_a_poster_that_he_has_not_seen(self):
        key = self.uploaded(10)

        late = self.call(
            "PUT", "/movies/10/poster", {"key": key}, token=writer(), headers={"If-Match": '"v9"'}
        )

        assert late.status == 412
        assert not [key for key in self.bucket.objects if key.startswith("posters/10/")]

    def test_who_sends_a_change_again_that_was_made_does_not_lose_the_poster(self):
        """As a client does that was told nothing the first time: the same upload, the tag of before."""
        movie = self.added()["id"]
        change = {
            "headers": {"If-Match": self.call("GET", f"/movies/{movie}").headers["ETag"]},
            "token": writer(),
        }
        key = {"key": self.uploaded(movie)}

        statuses = [self.call("PUT", f"/movies/{movie}/poster", key, **change).status for _ in range(2)]

        shown = self.call("GET", f"/movies/{movie}/poster").headers["Location"]
        assert statuses == [200, 412]
        assert shown.removeprefix("https://bucket.example/").split("?")[0] in self.bucket.objects
        assert len([key for key in self.bucket.objects if key.startswith(f"posters/{movie}/")]) == 1

    def test_a_poster_goes_alone_or_with_its_movie(self):
        alone, movie = self.added(), self.added()
        for one in (alone, movie):
            self.accepted(one["id"])

        self.call("DELETE", f"/movies/{alone['id']}/poster", token=writer())
        self.call("DELETE", f"/movies/{movie['id']}", token=writer())

        assert self.call("GET", f"/movies/{alone['id']}").json["poster"] is None
        assert not [key for key in self.bucket.objects if key.startswith("posters/")]

    def test_without_storage_the_catalogue_goes_on_and_posters_are_unavailable(self):
        movie = self.added()
        path = self.accepted(movie["id"])
        self.bucket.broken = True

        statuses = [
            self.call("GET", path).status,
            self.call("POST", path, {"content_type": "image/png"}, token=writer()).status,
            self.call("PUT", path, {"key": f"uploads/{movie['id']}/{'0' * 32}"}, token=writer()).status,
            self.call("GET", f"/movies/{movie['id']}").status,
            self.call("DELETE", f"/movies/{movie['id']}", token=writer()).status,
        ]

        assert statuses == [503, 503, 503, 200, 204]

    def test_a_movie_that_was_read_with_its_poster_can_be_sent_back_changed(self):
        movie = self.added()
        self.accepted(movie["id"])
        read = self.call("GET", f"/movies/{movie['id']}").json

        answer = self.call("PUT", f"/movies/{movie['id']}", {**read, "year": 1976}, token=writer())

        assert (answer.status, answer.json) == (200, {**read, "year": 1976})

    def test_uploading_is_not_for_everybody(self):
        statuses = [
            self.call(method, "/movies/4/poster", body, token=given).status
            for method, body in (
                ("POST", {"content_type": "image/png"}),
                ("PUT", {"key": "x"}),
                ("DELETE", None),
            )
            for given in (None, token("movies:read", "movies"))
        ]

        assert statuses == [401, 403] * 3
