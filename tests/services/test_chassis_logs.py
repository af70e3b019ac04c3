"""Logs: one JSON object a line, ids from the context, no secrets."""

import contextvars
import io
import json
import logging
import os
import subprocess
import sys

import pytest

from chassis import logs, trace


@pytest.fixture
def lines():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure({"service": "movies"}, secrets=["hunter22"], stream=stream)

    def read():
        return [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]

    read.longest = lambda: max(len(line.encode()) for line in stream.getvalue().split("\n"))
    yield read
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


LONG = 70_000  # characters


@pytest.mark.parametrize("letter", ["a", "é", "字", "\x01", '"', "😀"])
def test_a_line_is_never_longer_than_a_pipe_keeps_whole_and_says_what_was_cut(lines, letter):
    path = f"/begin{letter * LONG}end"
    logging.getLogger("test").info("GET %s 404", path, extra={"path": path, "status": 404, "client": None})

    (line,) = lines()
    assert lines.longest() <= logs.LONGEST < 4096
    assert line["message"].startswith("GET /begin") and line["message"].endswith("end 404")
    assert line["path"].startswith("/begin") and line["path"].endswith("end")
    assert line["cut"] == {"message": len(path) + 8, "path": len(path)}
    assert (line["status"], line["client"], line["service"]) == (404, None, "movies")
    assert set(line["path"]) == set(f"/begin{letter}end…")


def test_a_line_that_fits_is_left_as_it_is(lines):
    logging.getLogger("test").info("x" * 3800)

    (line,) = lines()
    assert line["message"] == "x" * 3800
    assert "cut" not in line


def test_of_a_long_exception_its_beginning_and_its_end_are_kept(lines):
    def deep(level):
        if level == 0:
            raise ValueError("the reason")
        try:
            deep(level - 1)
        except ValueError as error:
            raise ValueError(f"level {level}") from error

    try:
        deep(60)
    except ValueError:
        logging.getLogger("test").exception("failed")

    (line,) = lines()
    assert lines.longest() <= logs.LONGEST
    assert line["exception"].startswith("Traceback (most recent call last):")
    assert line["exception"].endswith("ValueError: level 60")
    assert len(line["exception"]) > 2000
    assert list(line["cut"]) == ["exception"]


WRITER = """
import logging
from chassis import logs
logs.configure()
for number in range(200):
    logging.getLogger("test").info("GET %s 404", "/" + "x" * (3500 + 30 * number), extra={"status": 404})
"""


def test_processes_that_share_a_pipe_do_not_tear_each_others_lines():
    reading, writing = os.pipe()
    writers = [subprocess.Popen([sys.executable, "-c", WRITER], stdout=writing) for _ in range(4)]
    os.close(writing)
    with open(reading) as pipe:  # noqa: PTH123 - a descriptor
        found = [json.loads(line) for line in pipe]

    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert [line["status"] for line in found] == [404] * 800


def test_many_members_are_cut_too_whatever_they_are(lines):
    members = {f"member_{number}": ["x" * 900, number] for number in range(40)}
    logging.getLogger("test").info("hello", extra=members)

    (line,) = lines()
    assert lines.longest() <= logs.LONGEST
    assert (line["message"], line["level"]) == ("hello", "INFO")
    assert line["cut"]


def test_a_secret_is_taken_out_before_a_line_is_cut(lines):
    for end in range(1700, 2100):
        logging.getLogger("test").info(f"{'x' * end}password=topsecret{'y' * LONG}")
        logging.getLogger("test").info(f"{'x' * LONG}password=topsecret{'y' * end}")

    assert not [line for line in lines() if "topsecret"[-3:] in line["message"] or "tops" in line["message"]]


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
