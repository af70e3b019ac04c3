"""The issuer of access tokens: OAuth 2.0 client credentials (RFC 6749, 4.4) and JWTs as RFC 9068 has them."""
