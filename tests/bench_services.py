"""The same three requests through the chassis, plain Flask under gunicorn, and plain FastAPI under uvicorn; one core.

Same driver (psycopg 3), at most ten connections each, same database, one process pinned to one core; wrk on the other. Nothing is
measured before all three have answered alike. Rounds are interleaved, the median is told, with processor time a
request, which other work on the machine distorts least.
`make bench-services`; the peers' libraries are in tests/bench_services.in.
"""

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "services"))

from chassis.testing import eventually  # noqa: E402
from chassis.testing_postgres import fresh_database, postgres  # noqa: E402
from tests import bench_page  # noqa: E402
from tests.ports import free_port  # noqa: E402

LIBRARIES = ROOT / ".estaleiro" / "bench"
SECONDS, ROUNDS, CONNECTIONS = 3, 3, 16

COMMON = """
import os, json, base64
SHOWN = (
    "id, title, release_year AS year, director, runtime_minutes, director_id, "
    "CASE WHEN poster_key IS NOT NULL THEN '/movies/' || id || '/poster' END AS poster"
)
SQL = f"SELECT {SHOWN} FROM movies"
COLUMNS = ("id", "title", "year", "director", "runtime_minutes", "director_id", "poster")
ADD = f"INSERT INTO movies (title, release_year, director) VALUES (%s, %s, %s) RETURNING {SHOWN}"
URL = f"host={os.environ['DATABASE_HOST']} dbname={os.environ['DATABASE_NAME']} user=postgres"
def row(values): return dict(zip(COLUMNS, values))
def page(rows):
    items = [row(r) for r in rows[:20]]
    following = base64.urlsafe_b64encode(items[-1]["id"].to_bytes(8, "big")).rstrip(b"=").decode()
    return {"items": items, "next": following if len(rows) > 20 else None}
"""

FLASK = """
from bench_common import *
from flask import Flask, jsonify, request
from psycopg_pool import ConnectionPool
pool = ConnectionPool(URL, min_size=5, max_size=10)
app = Flask("bench")
@app.get("/movies/<int:movie_id>")
def one(movie_id):
    with pool.connection() as c:
        return jsonify(row(c.execute(SQL + " WHERE id = %s", (movie_id,)).fetchone()))
@app.get("/movies")
def many():
    with pool.connection() as c:
        return jsonify(page(c.execute(SQL + " WHERE id > 0 ORDER BY id LIMIT 21").fetchall()))
@app.post("/movies")
def add():
    said = request.get_json()
    with pool.connection() as c:
        return jsonify(row(c.execute(ADD, (said["title"], said["year"], said["director"])).fetchone())), 201
"""

FASTAPI = """
from bench_common import *
from contextlib import asynccontextmanager
from fastapi import FastAPI
from pydantic import BaseModel
from psycopg_pool import AsyncConnectionPool
class Film(BaseModel):
    title: str
    year: int
    director: str
pool = AsyncConnectionPool(URL, min_size=5, max_size=10, open=False)
@asynccontextmanager
async def life(app):
    await pool.open()
    yield
    await pool.close()
app = FastAPI(lifespan=life)
@app.get("/movies/{movie_id}")
async def one(movie_id: int):
    async with pool.connection() as c:
        return row(await (await c.execute(SQL + " WHERE id = %s", (movie_id,))).fetchone())
@app.get("/movies")
async def many():
    async with pool.connection() as c:
        return page(await (await c.execute(SQL + " WHERE id > 0 ORDER BY id LIMIT 21")).fetchall())
@app.post("/movies", status_code=201)
async def add(film: Film):
    async with pool.connection() as c:
        return row(await (await c.execute(ADD, (film.title, film.year, film.director))).fetchone())
"""

CHASSIS = """
import os
from chassis import web, testing, settings, logs
from chassis.database import Database, url
from chassis.serve import serve
from movies.app import make_app
from movies.__main__ import Settings
given = settings.read(Settings, os.environ)
logs.configure({"service": "movies"}, level="INFO", stream=open(os.devnull, "w"))
print(testing.token("movies:write", "movies"), flush=True)
verifier = testing.verifier("movies")
serve(
    lambda: make_app(web.Dependencies(service="movies", database=Database(url(given)), verifier=verifier)), given
)
"""

FILM = '{"title":"Playtime","year":1967,"director":"Jacques Tati"}'
LUA = f"""
wrk.method = "POST"
wrk.body = '{FILM}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer TOKEN"
"""


def commands(port):
    gunicorn = [
        "-m",
        "gunicorn",
        "-b",
        f"127.0.0.1:{port}",
        "-w",
        "1",
        "-k",
        "gthread",
        "--threads",
        "8",
        "bench_flask:app",
    ]
    uvicorn = ["-m", "uvicorn", "--port", str(port), "--no-access-log", "bench_fastapi:app"]
    return {"chassis": ["bench_chassis.py"], "flask": gunicorn, "fastapi": uvicorn}


def start(name, folder, environment):
    port = free_port()
    command = ["taskset", "-c", "0", sys.executable, *commands(port)[name]]
    out = (folder / f"{name}.log").open("w")
    process = subprocess.Popen(
        command, cwd=folder, env={**environment, "PORT": str(port)}, stdout=out, stderr=out
    )
    if not eventually(lambda: answers(f"http://127.0.0.1:{port}/movies/1"), 20):
        raise SystemExit(f"{name} does not answer:\n{(folder / f'{name}.log').read_text()}")
    return process, port


def answers(address):
    try:
        return urllib.request.urlopen(address, timeout=2).status == 200
    except OSError:
        return False


def compared(running, token):
    """Ask every server each of the three things; SystemExit unless all say 2xx and the same."""
    for what, path, body in (
        ("one row", "/movies/1", None),
        ("list", "/movies", None),
        ("write", "/movies", FILM),
    ):
        told = {
            name: said(f"http://127.0.0.1:{port}{path}", body, token) for name, (_, port) in running.items()
        }
        if complaint := disagreement(what, told):
            raise SystemExit(f"nothing is measured: {complaint}")


def said(address, body, token):
    """Return the status and the decoded body of one answer."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"} if body else {}
    request = urllib.request.Request(address, body and body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def disagreement(what, told):
    """Return what is wrong with answers by server, each a status and a body; None when they are alike but for ids."""
    for name, (status, body) in told.items():
        if not 200 <= status < 300:
            return f"{name} answers {status} to the {what}: {body}"
    first, *others = told
    for name in others:
        if _without_new_id(what, told[name]) != _without_new_id(what, told[first]):
            return f"{name} and {first} answer differently to the {what}: {told[name]}, {told[first]}"
    return None


def _without_new_id(what, answer):
    status, body = answer
    return (status, {**body, "id": None}) if what == "write" else answer


def rate(address, script=None):
    """Requests a second and the 99th percentile in milliseconds; SystemExit when any answer is an error."""
    more = ["-s", str(script)] if script else []
    line = [
        "taskset",
        "-c",
        "1",
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{SECONDS}s",
        "--latency",
        *more,
        address,
    ]
    told = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise SystemExit(f"{address}: {told}")
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", told)
    unit = {"us": 0.001, "ms": 1, "s": 1000}[slowest[2]]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1]), float(slowest[1]) * unit


def processor_seconds(pid):
    """User and system time of a process and its children so far (proc(5), stat: fields 14 and 15)."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if pid in (int(path.parent.name), int(fields[1])):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def main():
    with tempfile.TemporaryDirectory(prefix="est-services-bench-") as folder:
        text = compare(Path(folder))
    print(text)
    bench_page.write("bench-services", text)


def compare(folder):
    """Start the three in the folder, see that they do the same, measure them; return the section."""
    for name, text in (("common", COMMON), ("flask", FLASK), ("fastapi", FASTAPI), ("chassis", CHASSIS)):
        (folder / f"bench_{name}.py").write_text(text)
    database = fresh_database("movies").database
    path = os.pathsep.join([str(folder), str(ROOT / "services"), str(LIBRARIES)])
    environment = {
        **os.environ, **postgres().environment(database), "PYTHONPATH": path, "SERVICE": "movies", "PROCESS": "web",
        "BUCKET": "none", "ENVIRONMENT": "bench", "RELEASE": "bench", "INTERNAL_DOMAIN": "x", "TOKEN_ISSUER": "http://x",
        "METRICS_PORT": "0", "DRAIN_SECONDS": "0",
    }  # fmt: skip
    running = {name: start(name, folder, environment) for name in ("chassis", "flask", "fastapi")}
    try:
        token = (folder / "chassis.log").read_text().split()[0]
        (folder / "write.lua").write_text(LUA.replace("TOKEN", token))
        compared(running, token)
        figures = measured(running, folder / "write.lua")
    finally:
        for process, _ in running.values():
            process.send_signal(signal.SIGTERM)
        for process, _ in running.values():
            process.wait(30)
    return table(figures)


def measured(running, script):
    """Take the rounds in turn, so that what else the machine does falls on all alike."""
    paths = {
        "one row": ("/movies/1", None),
        "list of 20": ("/movies", None),
        "one write": ("/movies", script),
    }
    found = {path: {name: [] for name in running} for path in paths}
    for _ in range(ROUNDS):
        for path, (address, with_script) in paths.items():
            for name, (process, port) in running.items():
                before = processor_seconds(process.pid)
                speed, slowest = rate(f"http://127.0.0.1:{port}{address}", with_script)
                spent = processor_seconds(process.pid) - before
                found[path][name].append((speed, slowest, 1e6 * spent / (speed * SECONDS)))
                time.sleep(0.2)
    return {
        path: {
            name: [statistics.median(column) for column in zip(*rounds, strict=True)]
            for name, rounds in by.items()
        }
        for path, by in found.items()
    }


def table(figures):
    names = ("chassis", "flask", "fastapi")
    rows = []
    for path, by in figures.items():
        cells = [
            f"{cpu:,.0f} µs, {speed:,.0f}/s, p99 {slow:.0f} ms" for speed, slow, cpu in map(by.get, names)
        ]
        rows.append([path, *cells, f"{by['chassis'][2] / by['flask'][2]:.2f}"])
    header = ["processor time, rate", "chassis", "Flask + gunicorn", "FastAPI + uvicorn", "chassis : Flask"]
    return f"{bench_page.machine()}\n\n{bench_page.table(header, rows)}"


if __name__ == "__main__":
    main()
