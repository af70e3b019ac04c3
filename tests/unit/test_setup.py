"""Set-up: the environment is made once and repaired when half-made; an engine is asked, started, explained."""

import contextlib
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.setup import installing, packages, venv
from infra.setup.__main__ import main
from infra.setup.engine import Clock, Way, ensure_engine, start, with_group
from infra.setup.lock import commands
from infra.setup.machine import CannotContinue, announced, last_words, require_space, run
from infra.setup.ping import Answer, ping

ROOT = Path(__file__).resolve().parent.parent.parent


class FakeClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.seconds, self.sleep)


def never() -> Answer:
    return Answer.SILENT


@contextlib.contextmanager
def engine(folder: Path, reply: bytes) -> Iterator[str]:
    """A socket that gives every connection the same reply."""
    path = str(folder / "docker.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(4096)
                        connection.sendall(reply)

        threading.Thread(target=serve, daemon=True).start()
        yield f"unix://{path}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose lock holds nothing, with its environment made."""
    root = tmp_path_factory.mktemp("repository")
    (root / "requirements.lock").write_text("# nothing\n")
    venv.ensure_venv(root)
    return root


def test_the_environment_is_made_from_the_lock(repository: Path) -> None:
    python = repository / ".venv" / "bin" / "python"

    prefix = subprocess.check_output([python, "-c", "import sys; print(sys.prefix)"], text=True).strip()

    assert prefix == str(repository / ".venv")
    assert venv.is_ready(repository / ".venv", repository / "requirements.lock")


def test_a_second_call_does_nothing_and_is_quick(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()

    venv.ensure_venv(repository)

    assert capsys.readouterr().err == ""
    assert time.monotonic() - started < 3


def test_another_lock_needs_the_environment_made_again(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("# something\n")

    assert not venv.is_ready(repository / ".venv", tmp_path / "requirements.lock")


@pytest.mark.slow
def test_a_half_made_environment_is_made_from_the_beginning(repository: Path) -> None:
    (repository / ".venv" / "stamp").write_text("unfinished\n")
    left = repository / ".venv" / "half-installed"
    left.touch()

    venv.ensure_venv(repository)

    assert not left.exists()
    assert venv.is_ready(repository / ".venv", repository / "requirements.lock")


@pytest.mark.slow
def test_an_environment_without_its_interpreter_is_made_again(repository: Path) -> None:
    for link in (repository / ".venv" / "bin").glob("python*"):
        link.unlink()
    assert not venv.is_ready(repository / ".venv", repository / "requirements.lock")

    venv.ensure_venv(repository)

    assert venv.is_ready(repository / ".venv", repository / "requirements.lock")


def test_a_package_whose_hash_is_not_in_the_lock_is_refused_and_leaves_the_environment_not_ready(
    tmp_path: Path,
) -> None:
    (tmp_path / "requirements.lock").write_text("tornado==6.5\n")

    with pytest.raises(CannotContinue, match=r"^the locked packages could not be installed: ERROR: "):
        venv.ensure_venv(tmp_path)

    assert not venv.is_ready(tmp_path / ".venv", tmp_path / "requirements.lock")


def test_the_installer_is_in_the_lock_with_its_hashes_and_nothing_else_is_taken_for_it() -> None:
    lock = (ROOT / "requirements.lock").read_text()

    name, *hashes = installing.locked(lock, "uv").splitlines()

    assert name.startswith("uv==")
    assert len(hashes) > 5
    assert all(line.startswith("    --hash=sha256:") for line in hashes)
    assert installing.locked(lock, "uvi") == installing.locked("# nothing\n", "uv") == ""


def test_what_the_quick_installer_cannot_do_is_done_by_pip(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"{installing.locked((ROOT / 'requirements.lock').read_text(), 'uv')}")
    monkeypatch.setenv("UV_PYTHON_PREFERENCE", "no such preference")

    installing.install(repository / ".venv" / "bin" / "python", lock)

    assert capsys.readouterr().err.endswith("; once more with pip\n")


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence() -> None:
    with pytest.raises(
        CannotContinue, match=r"^/proc cannot be written \(.*\), and the tool keeps .*: run it as"
    ):
        venv.ensure_venv(Path("/proc"))


def test_the_command_line_goes_on_in_the_environment_with_its_arguments(repository: Path) -> None:
    script = repository / "deploy.py"
    script.write_text(
        f"import sys\nfrom pathlib import Path\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from infra.setup import ensure_venv_and_reexec\n"
        "ensure_venv_and_reexec(Path(__file__).parent, sys.argv)\nprint(sys.prefix, sys.argv[1:])\n"
    )

    said = subprocess.check_output([sys.executable, script, "deploy", "two words"], text=True)

    assert said == f"{repository / '.venv'} ['deploy', 'two words']\n"


def test_the_newest_interpreter_that_fits_is_found(tmp_path: Path) -> None:
    for name in ("python3.9", "python3.12", "python3.13", "python3.99"):
        (tmp_path / name).touch(mode=0o755)

    assert venv.find_python(str(tmp_path)) == str(tmp_path / "python3.13")


def test_no_interpreter_that_fits_is_none(tmp_path: Path) -> None:
    (tmp_path / "python3.10").touch(mode=0o755)

    assert venv.find_python(str(tmp_path)) is None


def test_an_engine_that_answers_is_ready(tmp_path: Path) -> None:
    with engine(tmp_path, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK") as host:
        answer = ping(host)

    assert answer is Answer.READY


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0-x\r\n"])
def test_what_answers_otherwise_is_no_engine(tmp_path: Path, reply: bytes) -> None:
    with engine(tmp_path, reply) as host:
        answer = ping(host)

    assert answer is Answer.SILENT


@pytest.mark.parametrize(
    "host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1", "https://127.0.0.1:1", "tcp://x:y"]
)
def test_where_nothing_listens_there_is_silence(host: str) -> None:
    assert ping(host) is Answer.SILENT


def test_an_engine_over_ssh_is_believed(tmp_path: Path) -> None:
    assert ping("ssh://build@example.org") is Answer.READY


def test_a_ready_engine_needs_no_words_and_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with engine(tmp_path, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK") as host:
        monkeypatch.setenv("DOCKER_HOST", host)
        started = time.monotonic()
        ensure_engine()
        seconds = time.monotonic() - started
        command = with_group(["make"])

    assert (capsys.readouterr().err, command) == ("", None)
    assert seconds < 3


def test_a_silent_engine_of_the_users_own_is_not_ours_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")

    with pytest.raises(CannotContinue) as refused:
        ensure_engine()

    assert str(refused.value) == (
        "the Docker engine at DOCKER_HOST=tcp://127.0.0.1:1 does not answer: start it, or unset DOCKER_HOST"
    )


def test_the_first_way_that_makes_the_engine_answer_is_the_last_one_tried(tmp_path: Path) -> None:
    mark, later = tmp_path / "started", tmp_path / "later"
    ways = [
        Way("fails", ["sh", "-c", "echo no permission; exit 1"], 10),
        Way("works", ["touch", str(mark)], 10),
        Way("unused", ["touch", str(later)], 10),
    ]

    answer = start(ways, lambda: Answer.READY if mark.exists() else Answer.SILENT, FakeClock().clock)

    assert (answer, later.exists()) == (Answer.READY, False)


def test_an_engine_that_was_started_with_its_package_is_not_started_again(tmp_path: Path) -> None:
    mark = tmp_path / "started"

    start([Way("unused", ["touch", str(mark)], 10)], lambda: Answer.READY, FakeClock().clock)

    assert not mark.exists()


def test_an_engine_that_never_answers_is_waited_for_and_its_last_words_told() -> None:
    clock = FakeClock()

    with pytest.raises(CannotContinue, match=r"^the Docker engine does not start: no permission$"):
        start([Way("silent", ["echo", "no permission"], 30)], never, clock.clock)

    assert clock.seconds == pytest.approx(30, abs=0.3)


def test_a_way_that_fails_is_not_waited_for_long() -> None:
    clock = FakeClock()

    with pytest.raises(CannotContinue):
        start([Way("fails", ["false"], 30)], never, clock.clock)

    assert clock.seconds < 2


def test_an_engine_that_has_given_up_is_not_waited_for(tmp_path: Path) -> None:
    clock, log = FakeClock(), tmp_path / "dockerd.log"
    log.write_text("level=info msg=starting\nfailed to start daemon: overlay is not supported\n")

    with pytest.raises(
        CannotContinue, match="does not start: failed to start daemon: overlay is not supported"
    ):
        start([Way("dockerd", ["true"], 60, log)], never, clock.clock)

    assert clock.seconds == 0


def test_a_login_outside_the_group_starts_its_command_with_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine(tmp_path, b"") as host:
        (tmp_path / "docker.sock").chmod(0)
        monkeypatch.setenv("DOCKER_HOST", host)
        command = as_somebody(tmp_path, lambda: with_group(["make", "two words"]))

    assert command == ["sg", "docker", "-c", "make 'two words'"]


def as_somebody(folder: Path, ask: Callable[[], object]) -> object:
    """Ask in a process that root's rights do not help."""
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()

    def child() -> None:
        if os.geteuid() == 0:
            os.setuid(65534)
        answers.put(ask())

    process = fork.Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == 0
    return answers.get()


def test_little_disk_is_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(
        CannotContinue, match=r"^images needs 1e\+06 GB of disk and .* GB free: make room and try again$"
    ):
        require_space(tmp_path / "not" / "there", 1e6, "images")


def test_a_program_that_fails_is_quoted_with_its_reason() -> None:
    with pytest.raises(CannotContinue, match=r"^the packages could not be installed: E: no space left$"):
        run(["sh", "-c", "echo E: no space left; echo done; exit 100"], "the packages could not be installed")


def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(CannotContinue, match=r"^it failed: not-a-program: No such file or directory$"):
        run(["not-a-program"], "it failed")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("", ""),
        ("one\ntwo\n\n", "two"),
        ("E: broken\nnotice: new pip\n", "E: broken"),
        (
            "WARNING: Retrying after connection broken by 'SSLError(x)': /simple/a/\n"
            "ERROR: No matching distribution found for a\n",
            "no package registry answers: 'SSLError(x)': /simple/a/",
        ),
        (
            "WARNING: Retrying after connection broken by 'SSLError(x)': /simple/a/\nERROR: hashes do not match\n",
            "ERROR: hashes do not match",
        ),
    ],
)
def test_the_line_that_says_why_is_found(output: str, words: str) -> None:
    assert last_words(output) == words


def test_work_is_announced_and_its_seconds_told_only_when_there_are_some(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with announced("Making it"):
        pass

    assert capsys.readouterr() == ("", "Making it\n")


@pytest.mark.parametrize("words", [[], ["all"], ["run"], ["venv", "again"]])
def test_other_words_are_answered_with_the_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(words)

    assert code == 2
    assert capsys.readouterr().err.startswith("usage: python3 -m infra.setup venv")


def test_a_machine_without_an_engine_gets_one_sentence_and_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    code = main(["engine"])

    assert (code, capsys.readouterr().err.count("\n")) == (1, 1)


def test_the_images_are_locked_to_the_tools_versions_for_their_own_python() -> None:
    tool, services, reaper = commands(Path("uv"))

    assert tool[-5:] == ["--python-version", "3.11", "requirements.in", "--output-file", "requirements.lock"]
    assert services[-7:] == [
        "--python-version",
        "3.13",
        "--constraint",
        "requirements.lock",
        "services/requirements.in",
        "--output-file",
        "services/requirements.lock",
    ]
    assert reaper[-3:] == [
        "images/reaper/requirements.in",
        "--output-file",
        "images/reaper/requirements.lock",
    ]


def test_set_up_uses_the_standard_library_alone() -> None:
    code = (
        "import sys; import infra.setup.__main__; "
        "names = {name.partition('.')[0] for name in sys.modules}; "
        "print(sorted(names - sys.stdlib_module_names - {'__main__', 'infra'}))"
    )

    said = subprocess.check_output([sys.executable, "-S", "-c", code], cwd=ROOT, text=True)

    assert said == "[]\n"


def test_programs_that_only_tests_need_are_named_at_once_and_nothing_else_waits_for_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    packages.ensure_programs({"no-such-program": "yard-two", "nor-this": "yard-one"})

    assert capsys.readouterr().err == (
        "testing needs yard-one yard-two: install it, or run this as root or with sudo on Debian or Ubuntu\n"
    )


def test_a_machine_that_has_every_program_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    packages.ensure_programs({"sh": "dash", "sysctl": "procps"})

    assert capsys.readouterr().err == ""
