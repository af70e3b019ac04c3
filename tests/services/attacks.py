"""Tokens that nobody should accept: the attacks that RFC 8725 lists, those of libraries' advisories, and simple lies."""

import base64
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jwe
from joserfc.jwk import RSAKey

from chassis.testing import ISSUER, KID, signing_key, token

AUDIENCE = "movies"


def encoded(value):
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**changes):
    now = int(time.time())
    members = {
        "iss": ISSUER, "sub": "x", "client_id": "x", "aud": AUDIENCE, "iat": now, "exp": now + 60, "jti": "j",
        "scope": "movies:write",
    }  # fmt: skip
    return {name: value for name, value in {**members, **changes}.items() if value is not None}


def signed(header, payload, sign=None):
    """Sign with the issuer's own key whatever is given, bytes too: what a broken issuer could be made to write."""
    text = f"{encoded(header)}.{encoded(payload)}"
    signature = (sign or rs256)(text.encode())
    return f"{text}.{encoded(signature)}"


def rs256(text):
    return signing_key().private_key.sign(text, padding.PKCS1v15(), SHA256())


def hs256(secret):
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


def head(**changes):
    return {"alg": "RS256", "typ": "at+jwt", "kid": KID, **changes}


def pem():
    return signing_key().public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def der():
    return signing_key().public_key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def ps256(text):
    return signing_key().private_key.sign(text, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())


def es256(text):
    return ec.generate_private_key(ec.SECP256R1()).sign(text, ec.ECDSA(SHA256()))


def raw_es256(text):
    """Sign as JWS has it: r and s, 32 bytes each, without DER around them."""
    r, s = decode_dss_signature(es256(text))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def small_curve(text):
    return ec.generate_private_key(ec.SECP224R1()).sign(text, ec.ECDSA(SHA256()))


def encrypted():
    """A good token, encrypted for the issuer's own key: five parts."""
    header = {"alg": "RSA-OAEP-256", "enc": "A128GCM", "typ": "at+jwt", "kid": KID, "cty": "JWT"}
    return jwe.encrypt_compact(
        header, token("", AUDIENCE).encode(), signing_key(), algorithms=list(header.values())
    )


def other_spelling(text):
    """Return the token with another last character that decodes to the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    body, last = text[:-1], text[-1]
    return body + alphabet[alphabet.index(last) ^ 1]


OTHER_KEY = RSAKey.generate_key(2048)

ATTACKS = {
    "alg none": lambda: f"{encoded(head(alg='none'))}.{encoded(claims())}.",
    "alg none with a signature": lambda: signed(head(alg="none"), claims()),
    "alg None": lambda: signed(head(alg="None"), claims()),
    "alg nOnE": lambda: signed(head(alg="nOnE"), claims()),
    "alg missing": lambda: signed({"typ": "at+jwt", "kid": KID}, claims()),
    "alg a list": lambda: signed(head(alg=["RS256"]), claims()),
    "empty signature": lambda: token("", AUDIENCE).rsplit(".", 1)[0] + ".",
    "no signature part": lambda: token("", AUDIENCE).rsplit(".", 1)[0],
    "hs256 with the public pem": lambda: signed(head(alg="HS256"), claims(), hs256(pem())),
    "hs256 with the public der": lambda: signed(head(alg="HS256"), claims(), hs256(der())),
    "hs256 with the public jwk": lambda: signed(
        head(alg="HS256"), claims(), hs256(json.dumps(signing_key().as_dict(private=False)).encode())
    ),
    "hs256 with nothing": lambda: signed(head(alg="HS256"), claims(), hs256(b"")),
    "rs256 named, hs256 signed": lambda: signed(head(), claims(), hs256(pem())),
    "ps256": lambda: signed(head(alg="PS256"), claims(), ps256),
    "rs256 named, ps256 signed": lambda: signed(head(), claims(), ps256),
    "es256": lambda: signed(head(alg="ES256"), claims(), es256),
    "es256 without der": lambda: signed(head(alg="ES256"), claims(), raw_es256),
    "es256 of a smaller curve": lambda: signed(head(alg="ES256"), claims(), small_curve),
    "es256 of zeros": lambda: signed(head(alg="ES256"), claims(), lambda text: bytes(64)),
    "alg NONE": lambda: signed(head(alg="NONE"), claims()),
    "signature of zeros": lambda: signed(head(), claims(), lambda text: bytes(256)),
    "signature longer": lambda: signed(head(), claims(), lambda text: rs256(text) + b"\x00"),
    "signature cut": lambda: token("", AUDIENCE)[:-8],
    "payload changed": lambda: _with_payload(token("", AUDIENCE), claims(sub="admin")),
    "jwk in the header": lambda: signed(head(jwk=signing_key().as_dict(private=False)), claims()),
    "jku in the header": lambda: signed(head(jku="http://127.0.0.1:1/jwks.json"), claims()),
    "x5u in the header": lambda: signed(head(x5u="http://127.0.0.1:1/cert.pem"), claims()),
    "x5c in the header": lambda: signed(head(x5c=["MIIB"]), claims()),
    "crit in the header": lambda: signed(head(crit=["exp"], exp=1), claims()),
    "b64 false": lambda: signed(head(b64=False, crit=["b64"]), claims()),
    "zip in the header": lambda: signed(head(zip="DEF"), claims()),
    "kid a path": lambda: signed(head(kid="../../../../dev/null"), claims()),
    "kid sql": lambda: signed(head(kid="x' UNION SELECT 'key"), claims()),
    "kid an address": lambda: signed(head(kid="http://127.0.0.1:1/key"), claims()),
    "kid of another issuer": lambda: token("", AUDIENCE, key=OTHER_KEY, header={"kid": "other-key"}),
    "our kid, the key of another issuer": lambda: token("", AUDIENCE, key=OTHER_KEY),
    "kid with a null byte": lambda: signed(head(kid=KID + "\x00"), claims()),
    "kid an array": lambda: signed(head(kid=[KID]), claims()),
    "kid a number": lambda: signed(head(kid=1), claims()),
    "kid missing": lambda: signed({"alg": "RS256", "typ": "at+jwt"}, claims()),
    "repeated alg": lambda: signed(b'{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"test-key"}', claims()),
    "repeated claim": lambda: signed(head(), json.dumps(claims()).encode()[:-1] + b',"sub":"admin"}'),
    "typ JWT": lambda: signed(head(typ="JWT"), claims()),
    "typ missing": lambda: signed({"alg": "RS256", "kid": KID}, claims()),
    "typ of a logout token": lambda: signed(head(typ="logout+jwt"), claims()),
    "flattened json": lambda: json.dumps(
        dict(zip(("protected", "payload", "signature"), token("", AUDIENCE).split("."), strict=True))
    ),
    "general json": lambda: json.dumps({"payload": "", "signatures": []}),
    "encrypted": encrypted,
    "a blank inside": lambda: token("", AUDIENCE).replace(".", ". ", 1),
    "a tab at the end": lambda: token("", AUDIENCE) + "\t",
    "five parts": lambda: token("", AUDIENCE) + ".a.b",
    "a line break at the end": lambda: token("", AUDIENCE) + "\n",
    "a blank before": lambda: " " + token("", AUDIENCE),
    "padding": lambda: token("", AUDIENCE) + "==",
    "another spelling of the last character": lambda: other_spelling(token("", AUDIENCE)),
    "ordinary base64": lambda: signed(head(kid="??>>"), claims()).replace("_", "/").replace("-", "+"),
    "overlong utf-8": lambda: signed(head(), json.dumps(claims()).encode().replace(b'"x"', b'"\xc1\xb8"')),
    "claims not an object": lambda: signed(head(), b"[]"),
    "claims a text": lambda: signed(head(), b'"x"'),
    "deep json": lambda: signed(head(), b"[" * 5000),
    "header too deep": lambda: signed(b'{"alg":' + b"[" * 4000, claims()),
    "NaN": lambda: signed(head(), json.dumps(claims()).encode()[:-1] + b',"nbf":NaN}'),
    "oversize": lambda: token("", AUDIENCE, padding="x" * 9000),
    "a megabyte": lambda: "a" * 1_000_000,
    "empty": lambda: "",
    "dots": lambda: "..",
    "other letters": lambda: token("", AUDIENCE).replace(".", "․"),
    "exp missing": lambda: signed(head(), claims(exp=None)),
    "exp a text": lambda: signed(head(), claims(exp="9999999999")),
    "exp a fraction": lambda: signed(head(), claims(exp=time.time() + 60.5)),
    "exp 1e400": lambda: signed(
        head(), json.dumps(claims(exp=0)).encode().replace(b'"exp": 0', b'"exp": 1e400')
    ),
    "exp of five thousand digits": lambda: signed(
        head(), json.dumps(claims(exp=0)).encode().replace(b'"exp": 0', b'"exp": ' + b"9" * 5000)
    ),
    "exp negative": lambda: signed(head(), claims(exp=-1)),
    "exp far in the future": lambda: signed(head(), claims(exp=int(time.time()) + 10**8)),
    "exp true": lambda: signed(head(), claims(exp=True)),
    "expired": lambda: signed(head(), claims(iat=int(time.time()) - 100, exp=int(time.time()) - 6)),
    "nbf in the future": lambda: signed(head(), claims(nbf=int(time.time()) + 60)),
    "nbf a text": lambda: signed(head(), claims(nbf="0")),
    "iat in the future": lambda: signed(
        head(), claims(iat=int(time.time()) + 60, exp=int(time.time()) + 120)
    ),
    "iat missing": lambda: signed(head(), claims(iat=None)),
    "iss missing": lambda: signed(head(), claims(iss=None)),
    "iss with a slash": lambda: signed(head(), claims(iss=ISSUER + "/")),
    "iss a part": lambda: signed(head(), claims(iss=ISSUER[:-3])),
    "iss longer": lambda: signed(head(), claims(iss=ISSUER + ".evil.example")),
    "iss in capitals": lambda: signed(head(), claims(iss=ISSUER.upper())),
    "iss a list": lambda: signed(head(), claims(iss=[ISSUER])),
    "aud missing": lambda: signed(head(), claims(aud=None)),
    "aud of another service": lambda: signed(head(), claims(aud="reviews")),
    "aud longer": lambda: signed(head(), claims(aud="movies2")),
    "aud a list of others": lambda: signed(head(), claims(aud=["reviews", "tokens"])),
    "aud an object": lambda: signed(head(), claims(aud={"movies": True})),
    "aud numbers": lambda: signed(head(), claims(aud=[1, "movies"])),
    "aud empty": lambda: signed(head(), claims(aud=[])),
    "sub missing": lambda: signed(head(), claims(sub=None)),
    "sub empty": lambda: signed(head(), claims(sub="")),
    "client_id missing": lambda: signed(head(), claims(client_id=None)),
    "jti missing": lambda: signed(head(), claims(jti=None)),
    "scope a list": lambda: signed(head(), claims(scope=["movies:write"])),
}


def _with_payload(text, payload):
    first, _, last = text.split(".")
    return f"{first}.{encoded(payload)}.{last}"
