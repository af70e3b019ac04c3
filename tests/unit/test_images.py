"""Tags follow from what an image is made of, and from nothing else."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import ConfigurationError
from infra.images import ContextFile, Image, describe, describe_postgres, missing, postgres_reference

SERVICES = (("tokens", "python"), ("movies", "python"), ("gateway", "gateway"))

paths = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
files = st.builds(ContextFile, paths, st.sampled_from([0o644, 0o755]), st.binary(max_size=20))
contexts = st.lists(files, min_size=1, max_size=6, unique_by=lambda file: file.path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("build", "base", "packages", "python", "gateway", "postgres"):
        write(tmp_path, f"images/{name}/Dockerfile", "FROM scratch\n")
    write(tmp_path, "images/base/unpack.sh", "#!/bin/sh\n")
    write(tmp_path, "services/requirements.lock", "tornado==6\n")
    write(tmp_path, "services/chassis/web.py", "")
    for name in ("tokens", "movies", "gateway"):
        write(tmp_path, f"services/{name}/service.toml", f"description = '{name}'\n")
    for name in ("tokens", "movies"):
        write(tmp_path, f"services/{name}/__main__.py", "")
        write(tmp_path, f"services/{name}/openapi.json", "{}")
    return tmp_path


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def tags(root: Path) -> dict[str, str]:
    return {image.name: image.tag for image in described(root)}


def described(root: Path) -> tuple[Image, ...]:
    return (*describe(root, SERVICES, "x86_64"), describe_postgres(root))


def changed(root: Path, before: dict[str, str]) -> set[str]:
    return {name for name, tag in tags(root).items() if tag != before[name]}


def test_images_come_after_those_they_are_made_from(root: Path) -> None:
    names = [image.name for image in describe(root, SERVICES, "x86_64")]

    assert names == ["build", "base", "packages", "chassis", "tokens", "movies", "gateway"]


def test_a_tag_is_the_name_and_twelve_hexadecimal_digits(root: Path) -> None:
    name, _, digits = tags(root)["movies"].partition("-")

    assert (name, len(digits)) == ("movies", 12)
    assert int(digits, 16) >= 0


def test_the_same_files_have_the_same_tags_wherever_they_are(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("clone") / "repository"
    root.rename(elsewhere)
    before = tags(elsewhere)
    elsewhere.rename(root)

    assert tags(root) == before


@pytest.mark.parametrize(
    ("path", "images"),
    [
        ("services/movies/__main__.py", {"movies"}),
        ("services/movies/migrations/0001.py", {"movies"}),
        ("services/movies/openapi.json", {"movies", "gateway"}),
        ("services/movies/service.toml", {"gateway"}),
        ("services/chassis/web.py", {"chassis", "tokens", "movies"}),
        ("services/requirements.lock", {"packages", "chassis", "tokens", "movies"}),
        ("images/python/Dockerfile", {"chassis", "tokens", "movies"}),
        ("images/gateway/lua/firewall/rules.lua", {"gateway"}),
        ("images/base/unpack.sh", {"base", "packages", "chassis", "tokens", "movies", "gateway"}),
        ("images/build/Dockerfile", {"build", "base", "packages", "chassis", "tokens", "movies", "gateway"}),
        ("images/postgres/Dockerfile", {"postgres"}),
        ("services/movies/__pycache__/app.cpython-313.pyc", set()),
        ("services/movies/.mypy_cache/x.json", set()),
        ("services/movies/app.py~", set()),
        ("services/other/app.py", set()),
        ("README.md", set()),
    ],
)
def test_a_file_changes_the_tags_of_the_images_that_hold_it(root: Path, path: str, images: set[str]) -> None:
    before = tags(root)

    write(root, path, "something else\n")

    assert changed(root, before) == images


def test_a_file_that_becomes_executable_changes_the_tag(root: Path) -> None:
    before = tags(root)

    (root / "services/movies/__main__.py").chmod(0o755)

    assert changed(root, before) == {"movies"}


def test_permissions_that_git_does_not_keep_change_nothing(root: Path) -> None:
    before = tags(root)

    (root / "services/movies/__main__.py").chmod(0o600)
    os.utime(root / "services/movies/__main__.py", (0, 0))

    assert changed(root, before) == set()


def test_a_removed_file_changes_the_tag(root: Path) -> None:
    before = tags(root)

    (root / "images/base/unpack.sh").unlink()

    assert "base" in changed(root, before)


def test_another_architecture_has_other_tags_except_for_the_workshop(root: Path) -> None:
    intel = {image.tag for image in describe(root, SERVICES, "x86_64")}
    arm = {image.tag for image in describe(root, SERVICES, "arm64")}

    assert [tag.partition("-")[0] for tag in intel & arm] == ["build"]


def test_manifests_are_in_no_python_image(root: Path) -> None:
    movies = next(image for image in described(root) if image.name == "movies")

    assert [file.path for file in movies.files] == [
        "Dockerfile",
        "app/chassis/web.py",
        "app/movies/__main__.py",
        "app/movies/openapi.json",
    ]


def test_the_gateway_sees_manifests_and_descriptions_and_no_code(root: Path) -> None:
    gateway = next(image for image in described(root) if image.name == "gateway")

    assert [file.path for file in gateway.files] == [
        "Dockerfile",
        "services/gateway/service.toml",
        "services/movies/openapi.json",
        "services/movies/service.toml",
        "services/tokens/openapi.json",
        "services/tokens/service.toml",
    ]


def test_the_order_of_services_does_not_matter_to_the_gateway(root: Path) -> None:
    turned = describe(root, tuple(reversed(SERVICES)), "x86_64")

    assert {image.tag for image in turned} == {image.tag for image in describe(root, SERVICES, "x86_64")}


def test_names_that_cannot_be_are_refused_together(root: Path) -> None:
    write(root, "services/base/__main__.py", "")

    with pytest.raises(ConfigurationError) as refused:
        describe(root, [("base", "python"), ("shop", "python")], "x86_64")

    assert refused.value.problems == (
        "services/base: the name belongs to an image of the tool: choose another",
        "services/shop: there is no such folder",
    )


def test_the_local_clouds_postgresql_has_a_name_on_the_engine(root: Path) -> None:
    assert postgres_reference(root) == f"estaleiro:{tags(root)['postgres']}"


def test_nothing_is_missing_where_all_that_runs_is_there(root: Path) -> None:
    assert missing(described(root), lambda image: image.runs) == ()


def test_a_missing_service_needs_what_it_is_made_from(root: Path) -> None:
    there = {"tokens", "chassis", "gateway", "postgres"}

    found = missing(described(root), lambda image: image.name in there)

    assert [image.name for image in found] == ["build", "base", "packages", "movies"]


def test_what_is_there_needs_nothing_of_what_it_was_made_from(root: Path) -> None:
    there = {"tokens", "chassis", "gateway", "postgres", "packages"}

    found = missing(described(root), lambda image: image.name in there)

    assert [image.name for image in found] == ["movies"]


@given(contexts, st.randoms())
def test_the_order_of_files_does_not_matter(context: list[ContextFile], random) -> None:
    shuffled = list(context)
    random.shuffle(shuffled)

    assert Image("a", tuple(shuffled)).tag == Image("a", tuple(context)).tag


@given(contexts, contexts)
def test_two_contexts_have_one_tag_only_when_they_are_equal(
    one: list[ContextFile], other: list[ContextFile]
) -> None:
    same = sorted(one) == sorted(other)

    assert (Image("a", tuple(one)).tag == Image("a", tuple(other)).tag) == same


@given(contexts, st.data())
def test_every_part_of_an_image_counts(context: list[ContextFile], data: st.DataObject) -> None:
    image = Image("a", tuple(context), arguments=(("X", "1"),), bases=(("BASE", "b-1"),), requirements=b"x")
    change = data.draw(
        st.sampled_from(
            [
                {"name": "b"},
                {"arguments": (("X", "2"),)},
                {"arguments": ()},
                {"bases": (("BASE", "b-2"),)},
                {"architecture": "arm64"},
                {"requirements": b"y"},
                {"requirements": None},
                {"files": (*context[1:], replace(context[0], content=context[0].content + b"!"))},
                {"files": (*context[1:], replace(context[0], mode=context[0].mode ^ 0o111))},
                {"files": (*context[1:], replace(context[0], path=context[0].path + "x"))},
            ]
        )
    )

    assert replace(image, **change).tag.split("-")[1] != image.tag.split("-")[1]
