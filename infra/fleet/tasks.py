"""What can be asked of one host, as Fabric tasks; instance ids are reached through the tunnel of AWS_REGION."""

from __future__ import annotations

import sys

from infra.fleet.checks import findings, script
from infra.ssh import Answer, Remote, Stream, fabric_command_task, fabric_task, run_on

JOURNAL = (
    "sudo -n journalctl --no-pager --output=short-iso --unit=amazon-ecs-agent --unit=ecs-agent-netfilter"
)


def journal(lines: int, *, follow: bool) -> str:
    """Return the command that shows the agent's journal."""
    return f"{JOURNAL} --lines={lines}" + (" --follow" if follow else "")


def _doctor(remote: Remote) -> None:
    """Ask every check of this host; each that is not well says what mends it."""
    found = findings(_answer(remote, script()).out)
    for one in found:
        print(f"{remote.host}: {'ok  ' if one.well else 'FAIL'} {one.name}: {one.said}")
        if not one.well:
            print(f"{remote.host}:      {one.mend}")
    if not all(one.well for one in found):
        sys.exit(1)


def _logs(remote: Remote) -> None:
    """Show the agent's last hundred lines."""
    answer = _answer(remote, journal(100, follow=False))
    for line in answer.out.splitlines():
        print(f"{remote.host}: {line}")
    sys.exit(answer.code or 0)


def _run(remote: Remote, command: str) -> None:
    """Run a command; its lines begin with the host, and its exit code is ours."""
    (answer,) = run_on([remote], command, told=_print_line)
    if answer.failure:
        sys.exit(f"{remote.host}: {answer.failure}")
    if not answer.well:
        sys.exit(answer.code)


def _print_line(remote: Remote, stream: Stream, line: str) -> None:
    print(f"{remote.host}: {line}", file=sys.stdout if stream == "out" else sys.stderr, flush=True)


def _answer(remote: Remote, command: str) -> Answer:
    (answer,) = run_on([remote], command, seconds=120)
    if answer.failure:
        sys.exit(f"{remote.host}: {answer.failure}")
    return answer


doctor, logs = fabric_task(_doctor, "doctor"), fabric_task(_logs, "logs")
run = fabric_command_task(_run, "run")
