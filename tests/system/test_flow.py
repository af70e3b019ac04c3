"""The whole system as a user meets it: deploy, use, deploy again, break, mend, tear down. The tests run in this order."""

import gzip
import json
import os
import signal
import threading
import time
from pathlib import Path

import docker
import msgspec

from tests.system.conftest import Shipyard, eventually
from tests.system.containers import running

SCOPES = "movies:write reviews:write"


def test_the_edge_answers_after_a_deploy(shipyard: Shipyard) -> None:
    answer = shipyard.request("GET", "/health")

    assert answer.status == 200


def test_the_catalogue_is_seeded_with_films_and_is_read_in_pages(shipyard: Shipyard) -> None:
    first = shipyard.request("GET", "/movies?limit=10").json
    second = shipyard.request("GET", f"/movies?limit=10&cursor={first['next']}").json

    assert len(first["items"]) == len(second["items"]) == 10
    assert {"id", "title", "year", "director"} <= set(first["items"][0])
    assert not {item["id"] for item in first["items"]} & {item["id"] for item in second["items"]}


def test_writing_needs_a_token_with_the_scope(shipyard: Shipyard) -> None:
    film = {"title": "Aniki-Bóbó", "year": 1942, "director": "Manoel de Oliveira"}

    without = shipyard.request("POST", "/movies", film)
    wrong = shipyard.request("POST", "/movies", film, token=shipyard.token("reviews:write"))
    right = shipyard.request("POST", "/movies", film, token=shipyard.token("movies:write"))

    assert (without.status, without.headers["content-type"]) == (401, "application/problem+json")
    assert wrong.status in (401, 403)
    assert right.status == 201
    assert shipyard.request("GET", right.headers["location"]).json["title"] == "Aniki-Bóbó"


def test_a_long_answer_is_compressed_and_its_weak_tag_is_as_good_as_a_strong_one(shipyard: Shipyard) -> None:
    token, asked = shipyard.token("movies:write"), {"Accept-Encoding": "gzip"}
    film = {"title": "🎬" * 300, "year": 1895, "director": "Louis Lumière"}
    path = shipyard.request("POST", "/movies", film, token=token).headers["location"]

    plain = shipyard.request("GET", path)
    packed = shipyard.request("GET", path, headers=asked)
    tag = packed.headers["etag"]
    unchanged = shipyard.request("GET", path, headers={**asked, "If-None-Match": tag})
    changes = [
        shipyard.request("PUT", path, film, token=token, headers={**asked, "If-Match": tag}).status
        for _ in range(2)
    ]

    assert packed.headers["content-encoding"] == "gzip"
    assert set(packed.headers["vary"].split(", ")) == {"Accept", "Accept-Encoding"}
    assert gzip.decompress(packed.body) == plain.body
    assert tag == f"W/{plain.headers['etag']}"
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert changes == [200, 412]


def test_an_answer_is_messagepack_for_who_likes_that_better_and_its_tag_is_good_for_a_change(
    shipyard: Shipyard,
) -> None:
    token, film = (
        shipyard.token("movies:write"),
        {"title": "Vale Abraão", "year": 1993, "director": "Manoel de Oliveira"},
    )
    path = shipyard.request("POST", "/movies", film, token=token).headers["location"]

    packed = shipyard.request("GET", path, headers={"Accept": "application/msgpack"})
    change = {"If-Match": packed.headers["etag"]}
    changed = shipyard.request("PUT", path, film, token=token, headers=change)

    assert packed.headers["content-type"] == "application/msgpack"
    assert msgspec.msgpack.decode(packed.body)["title"] == "Vale Abraão"
    assert changed.status == 200


def test_a_review_becomes_a_rating_and_the_chart_follows(shipyard: Shipyard) -> None:
    token = shipyard.token(SCOPES)
    movie = shipyard.request("GET", "/movies?limit=1").json["items"][0]["id"]

    posted = [
        shipyard.request(
            "POST", f"/movies/{movie}/reviews", {"stars": stars, "text": "seen"}, token=token
        ).status
        for stars in (5, 4)
    ]
    rating = eventually(
        lambda: (found := shipyard.request("GET", f"/movies/{movie}/rating").json)["count"] == 2 and found
    )
    chart = eventually(
        lambda: [
            row
            for row in shipyard.request("GET", "/charts/top?limit=5").json["items"]
            if row["movie_id"] == movie and row["count"] == 2
        ],
        seconds=90,
    )

    assert posted == [201, 201]
    assert rating == {"movie_id": movie, "count": 2, "average": 4.5}
    assert chart


def test_a_review_of_a_movie_that_does_not_exist_is_refused(shipyard: Shipyard) -> None:
    answer = shipyard.request(
        "POST", "/movies/99999999/reviews", {"stars": 3, "text": "?"}, token=shipyard.token(SCOPES)
    )

    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


def test_what_is_not_public_is_not_reached(shipyard: Shipyard) -> None:
    statuses = [shipyard.request("GET", path).status for path in ("/health/live", "/health/ready", "/moon")]

    assert statuses == [404, 404, 404]


def test_a_second_deploy_has_nothing_to_do_in_under_three_seconds_of_work(shipyard: Shipyard) -> None:
    done = shipyard.deploy_py("deploy", "local")

    assert "nothing to do" in done.stdout + done.stderr


def test_plan_says_as_json_that_there_is_nothing_to_do(shipyard: Shipyard) -> None:
    done = shipyard.deploy_py("plan", "local", "--json", "--fail-on-changes")

    found = json.loads(done.stdout)
    assert (found["environment"], found["empty"], found["steps"]) == ("local", True, [])


def test_status_shows_every_process_with_its_tasks(shipyard: Shipyard) -> None:
    rows = json.loads(shipyard.deploy_py("status", "local", "--json").stdout)["services"]

    assert {(row["service"], row["process"]) for row in rows} == {
        ("flaskservice", "web"),
        ("gateway", "web"),
        ("movies", "web"),
        ("pyramidservice", "web"),
        ("reviews", "beat"),
        ("reviews", "web"),
        ("reviews", "worker"),
        ("tokens", "web"),
    }
    assert all(row["running"] == row["desired"] for row in rows)


def test_logs_hold_what_the_services_said(shipyard: Shipyard) -> None:
    lines = shipyard.deploy_py("logs", "local", "movies", "--since", "3600").stdout

    assert "movies/web: {" in lines


def test_run_exits_with_the_code_of_the_command_and_shows_its_lines(shipyard: Shipyard) -> None:
    script = "import sys; print('hello from a task'); sys.exit(7)"

    done = shipyard.deploy_py("run", "local", "movies", "--", "python3", "-c", script, code=7)

    assert done.stdout == "hello from a task\n"


def test_migrate_runs_again_and_finds_nothing_to_do(shipyard: Shipyard) -> None:
    shipyard.deploy_py("migrate", "local", "movies")


def test_only_the_changed_service_is_deployed_and_no_request_is_lost(shipyard: Shipyard) -> None:
    source = shipyard.root / "services/movies/app.py"
    source.write_text(source.read_text() + "\n# changed\n")
    failures: list[int] = []
    count = 0
    over = threading.Event()

    def load() -> None:
        nonlocal count
        while not over.is_set():
            status = shipyard.request("GET", "/movies?limit=1").status
            count += 1
            if status != 200:
                failures.append(status)
            time.sleep(0.02)

    loader = threading.Thread(target=load)
    loader.start()
    try:
        planned = json.loads(shipyard.deploy_py("plan", "local", "--json").stdout)
        shipyard.deploy_py("deploy", "local")
    finally:
        over.set()
        loader.join()

    touched = {step["id"] for step in planned["steps"]}
    assert touched == {
        "movies-release", "movies provision", "movies migrate", "movies", "movies verdict", "smoke test"
    }  # fmt: skip
    assert count > 50
    assert failures == []


def test_a_killed_container_is_replaced_within_seconds(
    shipyard: Shipyard, engine: docker.DockerClient
) -> None:
    before = running(engine, shipyard, "movies")
    engine.containers.get(before[0]).kill()

    def replaced() -> bool:
        now = running(engine, shipyard, "movies")
        return len(now) == len(before) and before[0] not in now

    assert eventually(replaced, seconds=30)


def server_pid(yard: Shipyard) -> int:
    return int((yard.root / ".estaleiro/local/server.pid").read_text())


def test_the_local_cloud_comes_back_after_kill_9_with_nothing_lost(shipyard: Shipyard) -> None:
    token = shipyard.token(SCOPES)
    film = {"title": "Os Verdes Anos", "year": 1963, "director": "Paulo Rocha"}
    location = shipyard.request("POST", "/movies", film, token=token).headers["location"]
    time.sleep(6)  # State is saved every few seconds.

    os.kill(server_pid(shipyard), signal.SIGKILL)
    shipyard.deploy_py("status", "local")

    found = eventually(
        lambda: (got := shipyard.request("GET", location)).status == 200 and got.json, seconds=90
    )
    again = shipyard.deploy_py("deploy", "local")
    assert found["title"] == "Os Verdes Anos"
    assert "nothing to do" in again.stdout + again.stderr


def test_a_port_in_use_is_named_with_the_fix(shipyard: Shipyard) -> None:
    other = Shipyard(shipyard.root, shipyard.edge_port, shipyard.edge_port)

    done = other.deploy_py("status", "local", code=1)

    assert str(shipyard.edge_port) in done.stderr
    assert "Traceback" not in done.stderr


def test_a_configuration_error_exits_2_before_anything_changes(shipyard: Shipyard) -> None:
    local = shipyard.root / "infra/environments/local.toml"
    text = local.read_text()
    local.write_text(text + "\ncolour = 1\n")

    try:
        done = shipyard.deploy_py("deploy", "local", code=2)
    finally:
        local.write_text(text)

    assert done.stderr.splitlines()[-1] == "infra/environments/local.toml: deploy.colour: is not a known key"


def test_teardown_leaves_nothing(shipyard: Shipyard, engine: docker.DockerClient) -> None:
    pid = server_pid(shipyard)

    shipyard.deploy_py("teardown", "local", "--yes")

    assert running(engine, shipyard) == []
    assert not (shipyard.root / ".estaleiro/local").exists()
    assert not Path(f"/proc/{pid}").exists()
    again = shipyard.deploy_py("teardown", "local", "--yes")
    assert "nothing to remove" in again.stdout
