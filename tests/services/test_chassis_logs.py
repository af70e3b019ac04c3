"""Logs: one JSON object a line, ids from the context, no secrets."""

import contextvars
import io
import json
import logging

import pytest

from chassis import logs, trace


@pytest.fixture
def lines():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure({"service": "movies"}, secrets=["hunter22"], stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = before
    root.setLevel(level)


def test_a_line_is_one_object_with_the_constant_and_the_extra_members(lines):
    logging.getLogger("test").info("hello %s", "there", extra={"status": 201})

    (line,) = lines()
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO", "logger": "test", "message": "hello there", "service": "movies", "status": 201,
    }  # fmt: skip


def test_lines_carry_the_request_id_and_the_trace_of_their_context(lines):
    def request():
        trace.enter({"X-Request-ID": "request-1", "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01"})
        logging.getLogger("test").info("inside")

    contextvars.copy_context().run(request)
    logging.getLogger("test").info("outside")

    inside, outside = lines()
    assert (inside["request_id"], inside["trace_id"]) == ("request-1", "a" * 32)
    assert "request_id" not in outside


@pytest.mark.parametrize(
    "text",
    [
        "password is hunter22",
        "Authorization: Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
        "Authorization: Basic c2VjcmV0OnNlY3JldA==",
        "connecting to postgresql+psycopg://movies:topsecret@db/movies",
        '{"client_secret": "topsecret"}',
        "client_secret=topsecret&grant_type=client_credentials",
    ],
)
def test_secrets_are_taken_out_of_messages(lines, text):
    logging.getLogger("test").warning(text)

    (line,) = lines()
    assert "***" in line["message"]
    for secret in ("hunter22", "topsecret", "c2lnbmF0dXJl", "c2VjcmV0OnNlY3JldA"):
        assert secret not in json.dumps(line)


def test_secrets_are_taken_out_of_exceptions_and_extras(lines):
    try:
        raise ValueError("cannot log in with hunter22")
    except ValueError:
        logging.getLogger("test").exception("failed", extra={"detail": "hunter22", "numbers": ["hunter22"]})

    (line,) = lines()
    assert "hunter22" not in json.dumps(line)
    assert "ValueError" in line["exception"]


def test_a_line_break_in_a_message_does_not_make_a_second_line(lines):
    logging.getLogger("test").info('one\n{"level": "FORGED"}')

    assert [line["message"] for line in lines()] == ['one\n{"level": "FORGED"}']


def test_a_malformed_request_id_or_trace_is_replaced():
    def given(headers):
        trace.enter(headers)
        return trace.headers()

    bad = {"X-Request-ID": "a b\r\nSet-Cookie: x", "traceparent": "00-" + "0" * 32 + "-" + "b" * 16 + "-01"}
    made = contextvars.copy_context().run(given, bad)

    assert len(made["X-Request-ID"]) == 32
    assert made["traceparent"].split("-")[1] != "0" * 32


def test_a_trace_goes_on_with_a_span_of_our_own():
    def given():
        trace.enter({"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-00"})
        return trace.headers()["traceparent"].split("-")

    version, trace_id, span, flags = contextvars.copy_context().run(given)
    assert (version, trace_id, flags) == ("00", "a" * 32, "00")
    assert span != "b" * 16
