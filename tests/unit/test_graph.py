"""The graph runner: order, parallelism, and what a failure stops."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.graph import run_graph


def needs(**edges: str) -> dict[str, frozenset[str]]:
    return {name: frozenset(before.split()) for name, before in edges.items()}


def test_a_job_runs_after_all_that_it_needs() -> None:
    order: list[str] = []

    outcome = run_graph(needs(edge="network cluster", cluster="network", network=""), order.append)

    assert order == ["network", "cluster", "edge"]
    assert outcome.done == ("network", "cluster", "edge")


def test_jobs_that_do_not_need_each_other_run_at_once() -> None:
    together = threading.Barrier(2, timeout=5)

    outcome = run_graph(needs(one="", two=""), lambda name: (together.wait(), None)[1])

    assert sorted(outcome.done) == ["one", "two"]


def test_a_failure_stops_what_depends_on_it_and_lets_the_rest_finish() -> None:
    def work(name: str) -> None:
        if name == "movies":
            raise ValueError("no image")

    outcome = run_graph(needs(movies="", reviews="movies", tokens="", gateway="reviews tokens"), work)

    assert outcome.done == ("tokens",)
    assert {name: str(error) for name, error in outcome.failed.items()} == {"movies": "no image"}
    assert sorted(outcome.not_run) == ["gateway", "reviews"]


def test_nothing_new_starts_once_it_is_stopped() -> None:
    done: list[str] = []

    outcome = run_graph(needs(first="", second="first"), done.append, stopped=lambda: bool(done))

    assert done == ["first"]
    assert outcome.not_run == ("second",)


def test_a_need_that_is_no_job_is_an_error() -> None:
    with pytest.raises(ValueError, match="jobs need what is no job: moon"):
        run_graph(needs(one="moon"), print)


def test_a_cycle_is_an_error() -> None:
    with pytest.raises(ValueError, match="jobs wait for each other: one, two"):
        run_graph(needs(one="two", two="one"), print)


@given(st.lists(st.sets(st.integers(0, 30), max_size=4), max_size=30))
def test_any_graph_without_a_cycle_is_run_whole_and_in_order(edges: list[set[int]]) -> None:
    graph = {str(job): frozenset(str(n) for n in before if n < job) for job, before in enumerate(edges)}
    order: list[str] = []

    outcome = run_graph(graph, order.append, workers=4)

    assert sorted(outcome.done) == sorted(graph)
    assert all(order.index(before) < order.index(job) for job, wanted in graph.items() for before in wanted)
