"""Each benchmark writes its own section of BENCHMARKS.md and leaves the rest as it was."""

from pathlib import Path

from tests import bench_page

PAGE = "# Benchmarks\n\nWritten by hand.\n\n<!-- one -->\nold\n<!-- /one -->\n\nAlso by hand.\n"


def test_a_section_that_is_there_is_replaced_in_its_place() -> None:
    assert bench_page.with_section(PAGE, "one", "new\n") == PAGE.replace("old", "new")


def test_a_new_section_stands_at_the_end() -> None:
    assert bench_page.with_section(PAGE, "two", "new") == f"{PAGE}\n<!-- two -->\nnew\n<!-- /two -->\n"


def test_a_page_that_is_not_there_is_begun(tmp_path: Path) -> None:
    page = tmp_path / "BENCHMARKS.md"

    bench_page.write("one", "new", page)
    bench_page.write("one", "newer", page)

    assert page.read_text() == "# Benchmarks\n\n<!-- one -->\nnewer\n<!-- /one -->\n"


def test_figures_stand_right_in_a_table() -> None:
    assert (
        bench_page.table(("case", "seconds"), [["one", 2]])
        == "| case | seconds |\n| --- | ---: |\n| one | 2 |"
    )
