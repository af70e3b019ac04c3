"""Why a host did not come: what its group could not do, and the last words on the console of one that is silent."""

from __future__ import annotations

from collections.abc import Collection

from infra.aws import Aws

LAST_LINES = 20


def why_no_host(aws: Aws, group: str, known: Collection[str]) -> str:
    """Return the rest of a sentence for hosts beyond `known` that should have come."""
    failed = [entry for entry in aws.autoscaling.activities(group) if entry.status in ("Failed", "Cancelled")]
    found = aws.autoscaling.group(group)
    silent = [member.instance for member in (found.members if found else ()) if member.instance not in known]
    if silent:
        said = aws.ec2.console_output(silent[0]).splitlines()[-LAST_LINES:]
        return f": {silent[0]} started, but its agent is silent; its console ends with\n" + (
            "\n".join(said) or "nothing yet; `hosts ENV doctor` may reach it over SSH"
        )
    if failed:
        return f": its group says: {failed[0].message or failed[0].description}"
    return ": its group started none; see its activities in the EC2 console"
