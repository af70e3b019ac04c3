"""The base of every HTTP handler: JSON in, JSON, MessagePack or problem+json out, request ids, one log line a request."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

import msgspec
from tornado.web import HTTPError, RequestHandler

from chassis import deadline, etags, negotiation, problems, trace
from chassis.auth import Claims
from chassis.database import unavailable
from chassis.measures import Measures
from chassis.problems import ProblemError, Unavailable
from chassis.shedding import Limits

T = TypeVar("T")

log = logging.getLogger("chassis.web")


@dataclass(frozen=True)
class Answer:
    """What a handler will say: a status, a value, and headers."""

    value: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Serving(Protocol):
    """What a handler asks of the application that it serves in."""

    dependencies: Any
    max_body: int
    limits: Limits
    in_flight: set[Handler]
    last_request: float
    measures: Measures
    stopping: bool

    def is_overloaded(self) -> bool: ...


class Handler(RequestHandler):
    """Base of our handlers. `self.dependencies` is what `make_app` was given, `self.claims` who is asking."""

    claims: Claims | None = None
    log_level = logging.INFO
    path_parameters: ClassVar[dict[str, Any]] = {}  # name -> type, for the OpenAPI document
    sheds = True  # may be refused when the process has too much to do; probes may not
    negotiates = True  # answers in MessagePack who likes it better; what an RFC wants in JSON does not
    application: Serving
    _tag: str | None = None

    @property
    def dependencies(self) -> Any:
        """What the application was made with (the service's own Dependencies)."""
        return self.application.dependencies

    def body(self, kind: type[T]) -> T:
        """Return the request's JSON body as `kind`; ends the request with 415, 400 or 422 when it is none."""
        media = self.request.headers.get("Content-Type", "").split(";")[0].strip().lower()
        if media != "application/json" and not media.endswith("+json"):
            raise ProblemError(415, detail="the body should be application/json")
        try:
            return msgspec.json.decode(self.request.body, type=kind)
        except msgspec.ValidationError as error:
            raise _invalid(422, "the body is not what this resource takes", error) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProblemError(400, detail=f"the body is not JSON: {error}") from error

    def query(self, kind: type[T]) -> T:
        """Return the query's parameters as `kind` (a msgspec Struct); 400 for one that repeats or does not fit."""
        arguments = self.request.query_arguments
        repeated = [name for name, values in arguments.items() if len(values) > 1]
        if repeated:
            raise ProblemError(400, detail=f"the parameter {repeated[0]!r} should stand once")
        try:
            # Not get_query_argument, which takes control characters out: what is not valid should be refused.
            values = {name: value[0].decode() for name, value in arguments.items()}
            return msgspec.convert(values, kind, strict=False)
        except UnicodeDecodeError as error:
            raise ProblemError(400, detail="the query is not UTF-8") from error
        except msgspec.ValidationError as error:
            raise _invalid(400, "the query is not what this resource takes", error) from error

    def send(self, value: Any, status: int = 200, *, headers: dict[str, str] | None = None) -> None:
        """Answer with `value` in the form that the client likes best, or with no body for 204 and 304.

        An ETag among the headers is that of the value in JSON.
        """
        self.set_status(status)
        for name, text in (headers or {}).items():
            self.set_header(name, text)
        if status in (204, 304):
            self.clear_header("Content-Type")
            self.finish()
            return
        media = self._negotiated() if self.negotiates else negotiation.JSON
        if headers and "ETag" in headers:
            self._tag_as(headers["ETag"], media)
        self.set_header("Content-Type", media)
        self.finish(msgspec.json.encode(value) if media == negotiation.JSON else negotiation.packed(value))

    def _negotiated(self) -> str:
        if "Vary" in self._headers:
            self.add_header("Vary", "Accept")
        else:  # the usual case, and a third of the work
            self.set_header("Vary", "Accept")
        return negotiation.chosen(self.request.headers.get("Accept"))

    def _tag_as(self, tag: str, media: str) -> None:
        own = tag if media == negotiation.JSON else etags.in_msgpack(tag)
        if self.get_status() == 200 and self.request.method in ("GET", "HEAD"):
            # Tornado looks only at what `compute_etag` tells whether the client has it already.
            self.clear_header("ETag")
            self._tag = own
        else:
            self.set_header("ETag", own)

    def answer(self, answer: Answer) -> None:
        """Send an answer that was made elsewhere."""
        self.send(answer.value, answer.status, headers=answer.headers)

    async def head(self, *args: str, **kwargs: str) -> None:
        """Answer as GET does; Tornado leaves the body out."""
        answer = self.get(*args, **kwargs)
        if answer is not None:
            await answer

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")
        if self.application.stopping:
            self.set_header("Connection", "close")  # or a proxy would go on using a connection that ends soon

    def prepare(self) -> None:
        """Take or make the request's ids; subclasses that override this call it first."""
        trace.enter(self.request.headers)
        deadline.enter(self.request.headers)
        for name, value in trace.headers().items():
            self.set_header(name, value)
        if self.sheds:
            self.application.last_request = time.monotonic()
            if self.application.is_overloaded():
                raise ProblemError(503, detail="too much to do at present", headers={"Retry-After": "1"})
        self.application.in_flight.add(self)

    def on_finish(self) -> None:
        self.application.in_flight.discard(self)

    def on_connection_close(self) -> None:
        self.application.in_flight.discard(self)

    def compute_etag(self) -> str | None:
        """Return the tag that was sent along, or else a hash: but of an answer to a POST that would be waste."""
        if self._tag or self.request.method not in ("GET", "HEAD"):
            return self._tag
        return super().compute_etag()

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        error = _raised(kwargs)
        super().send_error(error.status if isinstance(error, ProblemError) else status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the problem; nothing of an unexpected exception reaches the client."""
        error = _raised(kwargs)
        for name, value in trace.headers().items():  # send_error cleared them
            self.set_header(name, value)
        self.set_header("Content-Type", problems.CONTENT_TYPE)
        self.set_header("Cache-Control", "no-store")
        members = problems.problem(status_code)
        if isinstance(error, ProblemError):
            members = problems.problem(error.status, error.title, error.detail, **error.extra)
            for name, text in error.headers.items():
                self.set_header(name, text)
        if status_code == 405:
            self.set_header("Allow", ", ".join(self.allowed_methods()))
        if status_code >= 500:
            members["request_id"] = trace.headers().get("X-Request-ID", "")
        self.finish(problems.encode(members))

    def allowed_methods(self) -> list[str]:
        """Return the methods that this handler implements, for Allow (RFC 9110, 15.5.6)."""
        unimplemented = RequestHandler._unimplemented_method
        names = [m for m in self.SUPPORTED_METHODS if getattr(type(self), m.lower(), None) != unimplemented]
        return sorted(name for name in names if name != "HEAD" or "GET" in names)

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log what nobody expected; a problem or an HTTP error is an answer, and the access line tells it."""
        if isinstance(value, (HTTPError, ProblemError)):
            return
        if unavailable(value):
            log.error("the database does not answer: %s", value)
            return
        if isinstance(value, Unavailable):
            log.error("not available: %s", value)
            return
        log.error("unhandled error in %s %s", self.request.method, self.request.path, exc_info=value)


def _raised(arguments: dict[str, Any]) -> BaseException | None:
    error = arguments["exc_info"][1] if arguments.get("exc_info") else None
    if unavailable(error):
        return ProblemError(503, detail="the database does not answer", headers={"Retry-After": "1"})
    if isinstance(error, Unavailable):
        detail = "something that this needs does not answer"
        return ProblemError(503, detail=detail, headers={"Retry-After": "1"})
    return error


def _invalid(status: int, detail: str, error: msgspec.ValidationError) -> ProblemError:
    """Turn msgspec's "Expected `int`, got `str` - at `$.stars`" into a detail with a JSON pointer."""
    text, _, path = str(error).partition(" - at ")
    pointer = path.strip("`").removeprefix("$").replace(".", "/").replace("[", "/").replace("]", "")
    return ProblemError(
        status, detail=detail, errors=[{"detail": text.replace("`", "'"), "pointer": f"#{pointer}"}]
    )
