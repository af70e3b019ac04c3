"""The builder builds what is missing, in order, and says so; the engine is a fake one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.building.builder import Builder
from infra.building.stale import IMAGE_LABEL, stale_references
from infra.docker import DEBIAN
from infra.errors import EstaleiroError
from infra.images import ContextFile, Image, local_reference

BASE = Image("base", (ContextFile("Dockerfile", 0o644, b"FROM scratch"),), runs=False)
MOVIES = Image("movies", BASE.files, bases=(("BASE", BASE.tag),))
TOKENS = Image("tokens", BASE.files, bases=(("BASE", BASE.tag),))
IMAGES = (BASE, MOVIES, TOKENS)


class FakeEngine:
    """Holds references; builds by adding one, unless the image is `broken`."""

    def __init__(self, *references: str, broken: Image | None = None, registry: bool = True) -> None:
        self.references = set(references)
        self.built: list[str] = []
        self.broken = broken
        self.registry = registry

    def has_image(self, reference: str) -> bool:
        return reference in self.references

    def storage(self) -> Path:
        return Path("/nowhere")

    def pull_debian(self) -> bool:
        self.references.add(DEBIAN)
        return self.registry

    def build(
        self, image: Image, step: Callable[[str], None], *, packages: Path | None = None, source: str = ""
    ) -> None:
        step("step 1/1 (FROM scratch)")
        if image == self.broken:
            raise EstaleiroError(
                f"the image {image.name} cannot be built: step 1/1 (FROM scratch) failed: no"
            )
        assert all(local_reference(tag) in self.references for _, tag in image.bases)
        self.built.append(image.name)
        self.references.add(local_reference(image.tag))


class Told(list[tuple[str, str, str]]):
    def __call__(self, kind: str, step: str, text: str) -> None:
        self.append((kind, step, text))


def builder(engine: FakeEngine, told: Told, tmp_path: Path) -> Builder:
    return Builder(engine, told, tmp_path, clock=lambda: 0.0)


def test_everything_is_built_after_what_it_is_made_from(tmp_path: Path) -> None:
    engine = FakeEngine()

    built = builder(engine, Told(), tmp_path).build(IMAGES)

    assert engine.built[0] == "base"
    assert sorted(built) == sorted(image.tag for image in IMAGES)


def test_what_is_there_is_skipped_and_its_base_not_asked_for(tmp_path: Path) -> None:
    told = Told()
    engine = FakeEngine(local_reference(MOVIES.tag), local_reference(TOKENS.tag))

    built = builder(engine, told, tmp_path).build(IMAGES)

    assert built == ()
    assert told == [
        ("skipped", "movies", f"{MOVIES.tag} is there"),
        ("skipped", "tokens", f"{TOKENS.tag} is there"),
    ]


def test_one_changed_image_is_built_alone_and_told_step_by_step(tmp_path: Path) -> None:
    told = Told()
    there = (DEBIAN, local_reference(BASE.tag), local_reference(TOKENS.tag))

    builder(FakeEngine(*there), told, tmp_path).build(IMAGES)

    assert told == [
        ("skipped", "tokens", f"{TOKENS.tag} is there"),
        ("started", "movies", MOVIES.tag),
        ("progress", "movies", "step 1/1 (FROM scratch)"),
        ("done", "movies", f"{MOVIES.tag} in 0.0 s"),
    ]


def test_a_failure_is_told_and_raised_and_stops_what_depends_on_it(tmp_path: Path) -> None:
    told = Told()
    engine = FakeEngine(DEBIAN, broken=BASE)

    with pytest.raises(
        EstaleiroError, match=r"^the image base cannot be built: step 1/1 \(FROM scratch\) failed: no$"
    ):
        builder(engine, told, tmp_path).build(IMAGES)

    assert engine.built == []
    assert [event[:2] for event in told] == [("started", "base"), ("progress", "base"), ("failed", "base")]


def test_debian_is_pulled_where_a_registry_answers(tmp_path: Path) -> None:
    told = Told()

    builder(FakeEngine(), told, tmp_path).ensure_debian()

    assert told == [("started", DEBIAN, "pulling"), ("done", DEBIAN, "0.0 s")]


def test_stale_images_are_the_oldest_of_each_name_that_nothing_keeps() -> None:
    def listed(name: str, number: int) -> dict[str, object]:
        names = [f"estaleiro:{name}-{number}", f"registry.example/estaleiro:{name}-{number}"]
        return {"Created": number, "Labels": {IMAGE_LABEL: name}, "RepoTags": names}

    images = [listed("movies", number) for number in (3, 1, 4, 2)] + [listed("tokens", 1)]

    stale = stale_references(images, keep={"movies-2"}, newest=2, before=100)

    assert stale == ("estaleiro:movies-1", "registry.example/estaleiro:movies-1")


@pytest.mark.parametrize("names", [None, [], ["<none>:<none>"]])
def test_first_stages_have_no_name_and_do_not_count(names: list[str] | None) -> None:
    def listed(number: int, names: list[str] | None) -> dict[str, object]:
        return {"Created": number, "Labels": {IMAGE_LABEL: "build"}, "RepoTags": names}

    images = [listed(1, ["estaleiro:build-1"]), listed(2, names), listed(3, names)]

    assert stale_references(images, keep=(), newest=1, before=100) == ()
    assert stale_references(images, keep=(), newest=0, before=100) == ("estaleiro:build-1",)


def test_a_young_image_may_be_another_clones_and_stays() -> None:
    images = [
        {"Created": number, "Labels": {IMAGE_LABEL: "movies"}, "RepoTags": [f"estaleiro:movies-{number}"]}
        for number in (1, 2, 3)
    ]

    assert stale_references(images, keep=(), newest=1, before=2) == ("estaleiro:movies-1",)
