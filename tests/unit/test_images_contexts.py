"""What is sent to the engine, and the command lines that fetch packages and make Debian."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from infra.building import debian, markers, wheels
from infra.building.context import context_archive, empty_image_archive
from infra.errors import EstaleiroError
from infra.images import ContextFile, Image

IMAGE = Image("a", (ContextFile("run.sh", 0o755, b"run"), ContextFile("Dockerfile", 0o644, b"FROM b")))


def entries(archive: bytes) -> list[tuple[str, int, int, int, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return [
            (member.name, member.mode, member.mtime, member.uid, opened.extractfile(member).read())
            for member in opened.getmembers()
        ]


def test_a_context_says_nothing_of_when_and_by_whom_it_was_packed() -> None:
    with context_archive(IMAGE) as archive:
        packed = archive.read()

    assert entries(packed) == [("Dockerfile", 0o644, 0, 0, b"FROM b"), ("run.sh", 0o755, 0, 0, b"run")]


def test_packages_are_the_folder_lib_of_the_context(tmp_path: Path) -> None:
    (tmp_path / "tornado").mkdir()
    (tmp_path / "tornado" / "web.py").write_text("web")

    with context_archive(IMAGE, tmp_path) as archive:
        packed = archive.read()

    assert entries(packed)[2:] == [("lib/tornado/web.py", 0o644, 0, 0, b"web")]


@pytest.mark.parametrize(("architecture", "word"), [("x86_64", "amd64"), ("arm64", "arm64")])
def test_the_empty_image_names_its_architecture(architecture, word: str) -> None:
    archive = empty_image_archive(architecture, "estaleiro:empty")

    packed = {name: content for name, _, _, _, content in entries(archive)}
    assert json.loads(packed["config.json"])["architecture"] == word
    assert json.loads(packed["manifest.json"])[0]["RepoTags"] == ["estaleiro:empty"]


LOCK = b"""# made by a tool
always==1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via everybody
legacy==2 ; python_full_version >= '3.13' \\
    --hash=sha256:cc
old==3 ; python_full_version < '3.12' \\
    --hash=sha256:dd
windows==4 ; sys_platform == 'win32' \\
    --hash=sha256:ee
arm[fast]==5 ; platform_machine == 'aarch64' \\
    --hash=sha256:ff
"""


@pytest.mark.parametrize(
    ("architecture", "more"), [("x86_64", ""), ("arm64", "arm[fast]==5 --hash=sha256:ff\n")]
)
def test_a_lock_is_read_as_the_images_python_reads_it_whatever_python_builds(architecture, more: str) -> None:
    assert markers.for_image(LOCK, architecture).decode() == (
        f"always==1 --hash=sha256:aa --hash=sha256:bb\nlegacy==2 --hash=sha256:cc\n{more}"
    )


def test_a_line_of_a_lock_that_is_no_requirement_is_named() -> None:
    with pytest.raises(EstaleiroError, match=r"requirements\.lock: 'what is this' is no requirement"):
        markers.for_image(b"what is this\n", "x86_64")


def test_packages_are_fetched_by_hash_as_wheels_for_the_images_python() -> None:
    command = wheels.download_command(Path("lock"), "arm64", into=Path("wheels"))

    assert command[1:4] == ["-m", "pip", "download"]
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(command)
    assert command[command.index("--python-version") + 1] == "3.13"
    assert command[-2:] == ["--dest", "wheels"]


def test_packages_are_unpacked_without_an_index() -> None:
    command = wheels.unpack_command(Path("lock"), "x86_64", wheels=Path("wheels"), into=Path("lib"))

    assert command[-6:] == ["--no-index", "--find-links", "wheels", "--no-compile", "--target", "lib"]


def test_the_newest_glibc_comes_first_and_the_oldest_common_one_is_among_them() -> None:
    names = wheels.platforms("arm64")

    assert (names[0], names[-2], names[-1]) == (
        "manylinux_2_41_aarch64",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
    )


def test_debian_is_made_slim() -> None:
    assert debian.mmdebstrap_command(Path("out.tar")) == [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        "--include=ca-certificates",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/info/*",
        "--dpkgopt=path-exclude=/usr/share/lintian/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "trixie",
        "out.tar",
    ]


def test_the_older_tool_makes_the_same_by_way_of_a_folder() -> None:
    commands = debian.debootstrap_commands(Path("root"), Path("out.tar"))

    assert [command[0] for command in commands] == ["debootstrap", "tar", "rm"]
