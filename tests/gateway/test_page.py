"""The page's files in the built image: what they are sent with, and that they stand behind the same door as the rest."""

import gzip
from collections.abc import Callable

import pytest

from tests.gateway.conftest import Gateway

KINDS = {
    "/": "text/html; charset=utf-8",
    "/page/style.css": "text/css; charset=utf-8",
    "/page/page.js": "text/javascript; charset=utf-8",
    "/page/chart.js": "text/javascript; charset=utf-8",
    "/page/film.js": "text/javascript; charset=utf-8",
    "/page/posters.js": "text/javascript; charset=utf-8",
    "/page/dom.js": "text/javascript; charset=utf-8",
    "/page/icon.svg": "image/svg+xml",
}


@pytest.mark.parametrize(("path", "kind"), KINDS.items(), ids=KINDS)
def test_a_file_of_the_page_is_sent_once_and_then_only_when_it_changed(
    gateway: Gateway, path: str, kind: str
) -> None:
    first = gateway.ask(path)
    again = gateway.ask(path, headers={"If-None-Match": first.headers["ETag"]})
    head = gateway.ask(path, method="HEAD")

    assert (first.status, first.headers["Content-Type"]) == (200, kind)
    assert len(first.body) > 100
    assert first.headers["Cache-Control"] == "no-cache"
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (head.status, head.body) == (200, b"")


def test_who_has_a_file_says_so_with_one_tag_of_a_list_or_with_a_star(gateway: Gateway) -> None:
    tag = gateway.ask("/page/page.js").headers["ETag"]
    strong = tag.removeprefix("W/")

    statuses = {
        known: gateway.ask("/page/page.js", headers={"If-None-Match": known}).status
        for known in (tag, strong, f'"x", {tag}, "y"', f'"x",{strong}', "*", '"x"', '"x", "y"')
    }

    assert list(statuses.values()) == [304] * 5 + [200] * 2


@pytest.mark.parametrize("headers", [{}, {"Cookie": "session=1"}], ids=["nobody", "with a cookie"])
def test_a_file_which_holds_nobodys_secret_is_compressed_for_who_can_read_that(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    plain = gateway.ask("/page/style.css", headers=headers)
    packed = gateway.ask("/page/style.css", headers={"Accept-Encoding": "gzip", **headers})

    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2


def test_the_page_may_load_nothing_from_elsewhere_and_run_nothing_written_into_it(gateway: Gateway) -> None:
    policy = dict(
        rule.split(" ", 1) for rule in gateway.ask("/").headers["Content-Security-Policy"].split("; ")
    )

    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert (
        gateway.ask("/films").headers["Content-Security-Policy"]
        == "default-src 'none'; frame-ancestors 'none'"
    )


def test_the_page_is_told_which_environment_and_release_this_is_and_whence_pictures_may_come(
    start_gateway: Callable[..., Gateway],
) -> None:
    own = start_gateway(
        RELEASE="gateway-0123456789ab",
        IMAGE_ORIGINS="https://pictures.s3.eu-west-1.amazonaws.com",
        AWS_PUBLIC_ENDPOINT_URL="http://127.0.0.1:4566",
    )

    answer = own.ask("/environment.json")

    assert answer.json == {"environment": "test", "release": "gateway-0123456789ab"}
    assert (
        "img-src 'self' https://pictures.s3.eu-west-1.amazonaws.com http://127.0.0.1:4566; "
        in own.ask("/").headers["Content-Security-Policy"]
    )


def test_the_page_is_behind_the_firewall_and_is_only_read(gateway: Gateway) -> None:
    attack = gateway.ask("/?q=%3Cscript%3Ealert(1)%3C/script%3E")
    posted = gateway.ask("/", method="POST", headers={"Content-Length": "0"})

    assert attack.status == 403
    assert (posted.status, posted.headers["Allow"]) == (405, "GET, HEAD")


def test_a_browsers_own_page_may_be_at_a_local_address_and_no_other_local_address_is_taken(
    gateway: Gateway,
) -> None:
    here = f"http://127.0.0.1:{gateway.port}"

    own = [
        gateway.ask("/films", headers={name: value}).status
        for name, value in (("Origin", here), ("Referer", f"{here}/?page=2"))
    ]
    others = [
        gateway.ask("/films", headers={name: value}).status
        for name, value in (
            ("Origin", "http://127.0.0.1:1"), ("Referer", "http://169.254.169.254/latest/"),
            ("Referer", f"{here}/?next=http://169.254.169.254/latest/"), ("X-Page", here),
        )
    ]  # fmt: skip

    assert own == [200, 200]
    assert others == [403] * 4
