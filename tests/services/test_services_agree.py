"""What one service asks of another, by the asker's own code, of the other's real application."""

import asyncio

import pytest
from movies_case import MoviesCase
from tokens_case import ISSUER, SECRET, Case

from chassis import client
from chassis.auth import InvalidToken, Verifier
from chassis.client import ServiceClient, ServiceUnavailable
from chassis.jwks import key_store
from chassis.revocations import revocations
from chassis.token_source import TokenSource
from reviews.catalogue import Catalogue
from reviews.shapes import KnownMovie


class TestReviewsAskMovies(MoviesCase):
    def asked(self, movie_id):
        async def ask():
            async with client.session(timeout=60, connect=60) as http:
                return await Catalogue(ServiceClient(self.get_url(""), http)).find(movie_id)

        return self.io_loop.run_sync(ask)

    def test_a_movie_that_is_there_is_known_by_its_title_and_one_that_is_not_is_none(self):
        movie = self.added(title="Playtime")

        assert self.asked(movie["id"]) == KnownMovie(movie["id"], "Playtime")
        assert self.asked(999_999) is None

    def test_movies_that_cannot_say_are_no_answer(self):
        self._app.lag.seconds = 10.0  # it refuses everything now

        with pytest.raises(ServiceUnavailable):
            self.asked(1)


class TestServicesAskTokens(Case):
    def test_a_token_that_is_fetched_is_verified_with_the_published_keys_until_it_is_taken_back(self):
        async def scenario():
            async with client.session(timeout=60, connect=60) as http:
                issuer = self.get_url("")
                source = TokenSource(
                    http, issuer, client_id="reviews", client_secret=SECRET, scope="movies:read"
                )
                token = await source.get()
                claims = await self.verifier(http, issuer).verify(token)
                form = {"token": token, "client_id": "reviews", "client_secret": SECRET}
                async with http.post(f"{issuer}/oauth/revoke", data=form) as answer:
                    assert answer.status == 200
                return claims, await self.is_refused(self.verifier(http, issuer), token)

        claims, is_refused = self.io_loop.run_sync(scenario)

        assert is_refused
        assert (claims.client_id, claims.aud, claims.scopes) == ("reviews", "movies", {"movies:read"})

    async def is_refused(self, verifier, token):
        """Say whether it is refused once the process, which begins now, has read the list."""
        for _ in range(300):
            try:
                await verifier.verify(token)
            except InvalidToken as error:
                return str(error) == "revoked"
            await asyncio.sleep(0.1)
        return False

    def verifier(self, http, issuer):
        return Verifier(
            key_store(http, issuer),
            issuer=ISSUER,
            audience="movies",
            revocations=revocations(http, issuer),
        )
