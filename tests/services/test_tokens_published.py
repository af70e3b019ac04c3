"""What the issuer publishes: keys (RFC 7517), metadata (RFC 8414), and its OpenAPI document."""

from tokens_case import ISSUER, Case

METHODS = ["client_secret_basic", "client_secret_post"]


class TestPublished(Case):
    def test_the_keys_are_public_and_cacheable(self):
        answer = self.call("GET", "/.well-known/jwks.json")

        (key,) = answer.json["keys"]
        assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        unchanged = self.call(
            "GET", "/.well-known/jwks.json", headers={"If-None-Match": answer.headers["Etag"]}
        )
        assert (unchanged.status, unchanged.body) == (304, b"")

    def test_the_metadata_names_this_issuer(self):
        assert self.call("GET", "/.well-known/oauth-authorization-server").json == {
            "issuer": ISSUER,
            "token_endpoint": f"{ISSUER}/oauth/token",
            "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
            "introspection_endpoint": f"{ISSUER}/oauth/introspect",
            "revocation_endpoint": f"{ISSUER}/oauth/revoke",
            "response_types_supported": [],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": METHODS,
            "introspection_endpoint_auth_methods_supported": METHODS,
            "revocation_endpoint_auth_methods_supported": METHODS,
        }

    def test_the_process_is_ready(self):
        assert self.call("GET", "/health/ready").status == 200
