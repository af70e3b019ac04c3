"""The words of the command line; what each word does is in infra.commands.cli."""

from __future__ import annotations

import argparse

from infra.commands import ending, hosts_words, looking
from infra.commands.terminal import page_file
from infra.execute import AT_ONCE

LOCAL = "local"


def parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    top = argparse.ArgumentParser(
        prog="./deploy.py",
        description="Runs the services of this repository on AWS, or on this machine as the environment `local`.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _bootstrap(commands)
    _deploy(commands)
    _rehearse(commands)
    _tasks(commands)
    _token(commands)
    looking.add_words(lambda name, help_: _command(commands, name, help_))
    _new(commands)
    _secrets(commands)
    hosts_words.add_words(_command(commands, "hosts", "look at the hosts and work on them"))
    ending.add_words(lambda name, help_: _command(commands, name, help_))
    return top


def _command(commands: argparse._SubParsersAction, name: str, help_: str) -> argparse.ArgumentParser:  # type: ignore[type-arg]
    command: argparse.ArgumentParser = commands.add_parser(name, help=help_, description=help_)
    command.add_argument(
        "environment", nargs="?", default=LOCAL, metavar="ENV", help="the environment (default: local)"
    )
    command.add_argument(
        "--like", metavar="ENV", help="the environment whose file a preview environment takes"
    )
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    return command


def _bootstrap(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    _command(commands, "bootstrap", "make the account's own stack, once an account and region")
    _command(commands, "verify", "check everything that a deploy needs; nothing changes")
    _command(commands, "cost", "what the environment costs a month, as its files describe it")
    images = _command(commands, "images", "build the images that are not there yet")
    images.add_argument("--pull-base", action="store_true", help="pull the base image even if one is there")


def _deploy(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    plan = _command(commands, "plan", "show what a deploy would change; nothing changes")
    plan.add_argument("--fail-on-changes", action="store_true", help="exit 1 when there is anything to do")
    deploy = _command(commands, "deploy", "bring the environment to what the files say")
    for command in (plan, deploy):
        command.add_argument("--service", metavar="S", help="only this service's own stacks")
    deploy.add_argument("--yes", action="store_true", help="change without asking")
    deploy.add_argument(
        "--lock-wait", type=float, default=0, metavar="SECONDS", help="wait for another command to end"
    )
    deploy.add_argument(
        "--allow", action="append", default=[], metavar="ID", help="a resource whose data may be lost"
    )
    deploy.add_argument(
        "--confirm", metavar="ENV", help="the environment's name, to lose data where it is protected"
    )
    deploy.add_argument(
        "--at-once",
        type=_at_least_one,
        default=AT_ONCE,
        metavar="N",
        help=f"so many steps at a time at most (default: {AT_ONCE})",
    )
    deploy.add_argument("--skip-checks", action="store_true", help="deploy although a pre-flight check fails")
    rollback = _command(commands, "rollback", "back to the last release known good, or to the one named")
    rollback.add_argument("release", nargs="?", metavar="RELEASE", help="an id of `releases`")
    rollback.add_argument("--yes", action="store_true", help="go back without asking")
    plan.add_argument("--html", type=page_file, metavar="FILE", help="write the plan as a page too")
    for command in (deploy, rollback):
        command.add_argument(
            "--html",
            type=page_file,
            metavar="FILE",
            help="write what came of it, with its timeline, as a page",
        )


def _rehearse(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    rehearse = _command(
        commands, "rehearse", "deploy that environment's own configuration on this machine, then end it"
    )
    rehearse.add_argument("--keep", action="store_true", help="leave it running to look at")
    rehearse.add_argument(
        "--soak", type=int, metavar="SECONDS", help="instead of the environment's deploy.soak_seconds"
    )
    rehearse.add_argument("--end", action="store_true", help="end one that was kept")
    recover = _command(
        commands, "recover", "get a stuck stack, a stale lock or a half-done deploy moving again"
    )
    recover.add_argument("--yes", action="store_true", help="mend without asking")


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"should be 1 or more (is {text})")
    return number


def _tasks(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    migrate = _command(commands, "migrate", "run the migration tasks of the deployed release")
    migrate.add_argument("services", nargs="*", metavar="SERVICE", help="only these services")
    migrate.add_argument("--to", metavar="REV", help="to this revision of one service")
    one = migrate.add_mutually_exclusive_group()
    one.add_argument("--sql", action="store_true", help="print the SQL of what is pending; run nothing")
    one.add_argument("--status", action="store_true", help="say which revisions are applied and pending")
    one.add_argument(
        "--lint", action="store_true", help="look for what would disturb what serves; run nothing"
    )
    migrate.add_argument(
        "--new-to", metavar="BRANCH", help="with --lint: only revisions that BRANCH does not have yet"
    )
    one.add_argument("--downgrade", action="store_true", help="go back to the revision of --to")
    one.add_argument("--demo", action="store_true", help="add the demo data where it is missing")
    migrate.add_argument(
        "--confirm", metavar="ENV", help="the environment's name, to go back where it is protected"
    )
    run = _command(
        commands, "run", "run a command (`-- CMD …`) as a one-off task of a service; its exit code is ours"
    )
    run.add_argument("service", metavar="SERVICE")
    run.add_argument("--process", metavar="P", help="whose task definition to use (default: web)")
    run.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="one more variable")
    run.add_argument("--cpu", type=int, metavar="UNITS")
    run.add_argument("--memory", type=int, metavar="MIB")
    run.add_argument("--detach", action="store_true", help="start it, print its ARN and leave")


def _secrets(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    help_ = "set a secret's value from stdin (`secrets set ENV SERVICE NAME`), or list which are set"
    secrets: argparse.ArgumentParser = commands.add_parser("secrets", help=help_, description=help_)
    secrets.add_argument("action", choices=("set", "list"))
    secrets.add_argument("environment", nargs="?", default=LOCAL, metavar="ENV")
    secrets.add_argument("service", nargs="?", metavar="SERVICE")
    secrets.add_argument("name", nargs="?", metavar="NAME")
    secrets.add_argument("--like", metavar="ENV", help=argparse.SUPPRESS)
    secrets.add_argument("--json", action="store_true", help="print the result as JSON")


def _token(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    token = _command(commands, "token", "a bearer token for a person")
    token.add_argument(
        "--scope", required=True, help="names separated by spaces, as in 'SERVICE:read SERVICE:write'"
    )


def _new(commands: argparse._SubParsersAction) -> None:  # type: ignore[type-arg]
    help_ = "begin something: a service with handlers, model, migration, tasks and tests"
    new = commands.add_parser("new", help=help_, description=help_)
    new.add_argument("kind", choices=["service"])
    new.add_argument("name", metavar="NAME", help="lower-case letters and digits")
    new.add_argument("--json", action="store_true", help="print the result as JSON")
