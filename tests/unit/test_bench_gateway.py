"""The gateway's benchmark writes down what it measured, and compares with the right door."""

from tests.gateway.bench.bench import read_latencies
from tests.gateway.bench.section import Measured, Speed, best, section

BARE = Measured("bare proxy", Speed(30000, 25, 60, 90), Speed(29000, 26, 61, 95))
GATEWAY = Measured(
    "gateway", Speed(14000, 50, 100, 150), Speed(12000, 60, 111, 1600), 99.5, 0.0, "96 % / 99 %"
)
REFERENCE = Measured("reference", Speed(1000, 800, 800, 900), Speed(800, 900, 900, 1000), 70.0, 30.0)


def test_each_door_is_compared_with_the_bare_proxy_and_the_gateway_with_the_reference() -> None:
    text = section(
        [BARE, GATEWAY, REFERENCE], seconds=3, rounds=2, image_bytes=54_600_000, began="Then.", ended=1.25
    )

    assert "| bare proxy | repeated | 30,000 | 25 µs | 60 µs | 90 µs |  |" in text
    assert "| gateway | repeated | 14,000 | 50 µs | 100 µs | 150 µs | +40 µs |" in text
    assert "|  | fresh | 12,000 | 60 µs | 111 µs | 1,600 µs | +50 µs |" in text
    assert "14.0 times the reference's rate with repeated values and\n15.0 times with fresh" in text
    assert "has 55 MB" in text


def test_only_what_was_scored_has_a_score_and_the_bare_proxy_blocks_nothing_to_speak_of() -> None:
    text = section([BARE, GATEWAY, REFERENCE], seconds=3, rounds=2, image_bytes=1, began="Then.", ended=1.0)

    assert "| gateway | 99.5 % | 0.00 % | 96 % / 99 % |" in text
    assert "| reference | 70.0 % | 30.00 % | not asked for |" in text
    assert text.count("| bare proxy |") == 1


def test_the_best_of_several_rounds_is_the_best_of_each_figure() -> None:
    assert best([Speed(10, 5, 70, 300), Speed(12, 6, 60, 400)]) == Speed(12, 5, 60, 300)


def test_latencies_are_read_from_the_load_programs_table_and_not_from_its_statistics() -> None:
    said = "    Latency   66.02us   50%   1.2ms  91.50%\n     50%   61.00us\n     75%   70us\n     99%    1.25ms\n"

    assert read_latencies(said) == (61.0, 1250.0)
