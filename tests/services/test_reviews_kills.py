"""Web, worker and beat are killed under load, politely and not: nothing that was acknowledged is lost or doubled,
neither a review nor a chart that was asked for.
"""

import signal
from dataclasses import dataclass

import messages
import pytest
from kills import PATIENCE, Balancer, Callers, Yard, free_port
from sqlalchemy import text

from chassis.testing import eventually

TERM, KILL = signal.SIGTERM, signal.SIGKILL
EACH_ONCE = [
    ("web-1", TERM),
    ("worker", KILL),
    ("beat", KILL),
    ("web-2", KILL),
    ("worker", TERM),
    ("beat", TERM),
]


@dataclass
class Outcome:
    """What a run under load left behind."""

    acknowledged: int
    stored: list[tuple]
    exit_codes: list[int]
    broken: int
    charts: set[int]


def run(yard: Yard, *, reviews: int, kills: list) -> Outcome:
    """Send `reviews`; kill one process after the other while they come in, evenly over them."""
    ports = {f"web-{number}": free_port() for number in (1, 2)}
    for name, port in ports.items():
        yard.add(name, "web", PORT=str(port))
    for name in ("worker", "beat"):
        yard.add(name, name)
    balancer = Balancer(list(ports.values()))
    try:
        assert eventually(balancer.all_ready, PATIENCE), yard.logs()
        issuer = f"http://127.0.0.1:{yard.neighbours.server_port}"
        callers = Callers(balancer, issuer, reviews)
        codes = [
            code
            for place, kill in enumerate(kills, 1)
            for code in strike(yard, balancer, callers, kill, after=place * reviews // (len(kills) + 1))
        ]
        callers.wait()
    finally:
        balancer.close()
    assert not callers.refused, f"{callers.refused}\n{yard.logs()}"
    stored = yard.rows("SELECT text, id FROM reviews")
    expected = {(f"review {number}", id) for number, id in callers.acknowledged.items()}
    assert set(stored) == expected, yard.logs()
    return Outcome(len(callers.acknowledged), stored, codes, callers.broken, callers.charts)


def strike(yard, balancer, callers, kill, *, after):
    """Wait until so many are acknowledged and both web processes serve; then ask for a chart, kill, and start again.

    Yields polite ends.
    """
    name, how = kill
    process = yard.processes[name]
    assert eventually(lambda: len(callers.acknowledged) >= after and balancer.all_ready(), PATIENCE), (
        yard.logs()
    )
    if not name.startswith("web"):  # one that only begins ends as the kernel has it
        assert eventually(process.heartbeat.exists, PATIENCE), yard.logs()
    callers.ask_for_chart()
    port = process.environment.get("PORT") if how == TERM else None
    with balancer.without(int(port) if port else None):
        code = process.end(how)
        process.start()
    if how == TERM:
        yield code


def settled(yard: Yard) -> bool:
    """Say whether everything that was to be done is done: nothing waits, and every rating is that of its reviews."""
    wrong = yard.rows(
        "SELECT movie_id FROM (SELECT movie_id, count(*) AS n, sum(stars) AS s FROM reviews GROUP BY movie_id) AS r"
        " FULL JOIN ratings USING (movie_id) WHERE n IS DISTINCT FROM count OR s IS DISTINCT FROM total"
    )
    left = (
        "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM computations WHERE finished_at IS NULL)"
    )
    return not wrong and yard.rows(left) == [(0, 0)]


def check(yard: Yard, *, reviews: int, kills: list) -> Outcome:
    outcome = run(yard, reviews=reviews, kills=kills)

    assert outcome.acknowledged == reviews, yard.logs()
    assert len(outcome.stored) == len(set(outcome.stored)) == reviews
    assert set(outcome.exit_codes) <= {0}, yard.logs()
    assert eventually(lambda: settled(yard), PATIENCE), f"{yard.messages()}\n{yard.logs()}"
    assert {id for (id,) in yard.rows("SELECT id FROM computations WHERE NOT failed")} == outcome.charts
    began = yard.rows("SELECT now()")[0][0]
    assert eventually(lambda: computed_since(yard, began), PATIENCE), yard.logs()
    assert yard.messages()["dead"] == 0, yard.logs()
    return outcome


def computed_since(yard: Yard, moment) -> bool:
    """Say whether beat, queue and worker still bring about what is scheduled."""
    return any(at > moment for (at,) in yard.rows("SELECT computed_at FROM charts"))


@pytest.mark.slow
def test_no_acknowledged_review_is_lost_or_doubled_when_every_process_is_killed(tmp_path):
    with Yard(tmp_path) as yard:
        check(yard, reviews=120, kills=EACH_ONCE)


@pytest.mark.long
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_of_a_thousand_reviews_none_is_lost_or_doubled_by_two_dozen_kills(turn, tmp_path):
    with Yard(tmp_path) as yard:
        outcome = check(yard, reviews=1000, kills=EACH_ONCE * 4)

        print(f"run {turn}: {outcome.acknowledged} acknowledged, {outcome.broken} connections broke")


@pytest.mark.slow
def test_a_process_that_is_told_to_stop_breaks_no_connection(tmp_path):
    with Yard(tmp_path) as yard:
        outcome = run(yard, reviews=100, kills=[("web-1", TERM), ("web-2", TERM)])

        assert (outcome.acknowledged, outcome.broken, outcome.exit_codes) == (100, 0, [0, 0]), yard.logs()


@pytest.mark.slow
def test_what_a_killed_worker_had_in_hand_is_done_by_the_next_though_nothing_repairs(tmp_path):
    """Without beat nobody asks twice: the queue alone must bring the task back."""
    with Yard(tmp_path, visibility=3) as yard:
        fill_the_queue(yard, movies=30)
        for _ in range(2):
            with yard.engine.begin() as holding:
                holding.execute(text("LOCK TABLE ratings"))  # a task that has begun waits for this
                worker = yard.add("worker", "worker")
                assert eventually(lambda: yard.messages()["in work"] > 0, PATIENCE), yard.logs()
                worker.end(KILL)
        yard.add("worker", "worker")

        assert eventually(lambda: yard.rows("SELECT count(*) FROM ratings") == [(30,)], PATIENCE), yard.logs()
        assert settled(yard)
        nothing = {"waiting": 0, "in work": 0, "dead": 0}
        assert eventually(lambda: yard.messages() == nothing, PATIENCE), yard.messages()


def fill_the_queue(yard: Yard, *, movies: int) -> None:
    """One review of each movie, as the web process leaves it, and the task that counts it."""
    with yard.engine.begin() as connection:
        for statement in (
            "INSERT INTO reviews (movie_id, stars, text) SELECT n, 5, '' FROM generate_series(1, :n) AS n",
            "INSERT INTO outbox (movie_id) SELECT n FROM generate_series(1, :n) AS n",
        ):
            connection.execute(text(statement), {"n": movies})
    for movie_id in range(1, movies + 1):
        yard.sqs.send_message(QueueUrl=yard.queue_url, MessageBody=messages.body("reviews.rate", movie_id))
