"""What a host must be like, asked over SSH in one go: each check with the command that asks and what mends it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

# `core` may become root without a password on both systems.
_ROOT = "sudo -n"
_METADATA = "http://169.254.169.254/latest"
_REBOOT = "`hosts ENV replace HOST` makes a new one"


@dataclass(frozen=True)
class Check:
    """A check is well when its command ends with 0; what it prints explains, `mend` says what to do."""

    name: str
    command: str
    mend: str


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    name: str
    well: bool
    said: str
    mend: str


CHECKS = (
    Check(
        "docker",
        f"{_ROOT} docker info --format '{{{{.ServerVersion}}}}, cgroups by {{{{.CgroupDriver}}}}' | tee /dev/stderr"
        " | grep -q systemd",
        f"`sudo systemctl restart docker`; it must use systemd's cgroups, which is its default; else {_REBOOT}",
    ),
    Check(
        "agent",
        "systemctl is-active amazon-ecs-agent",
        "`hosts ENV logs HOST` says why; exit code 5 means that starting it again will not help: " + _REBOOT,
    ),
    Check(
        "agent answers",
        "curl -fsS -m 5 http://localhost:51678/v1/metadata",
        "the agent does not know its cluster: look for refused calls in `hosts ENV logs HOST`, and at the host's role",
    ),
    Check(
        "disk",
        'df -P /var | awk \'NR == 2 { print $5 " of " $2 / 1048576 " GB used"; exit ($5 + 0 >= 85) }\'',
        "`sudo docker system prune --all --force` frees what no task uses; hosts.volume_gb makes new hosts larger",
    ),
    Check(
        "inodes",
        "df -Pi /var | awk 'NR == 2 { print $5 \" of the inodes used\"; exit ($5 + 0 >= 85) }'",
        "`sudo docker system prune --all --force` frees what no task uses",
    ),
    Check(
        "clock",
        'said=$(timedatectl show -p NTPSynchronized --value); echo "synchronised: $said"; [ "$said" = yes ]',
        "AWS refuses calls that are five minutes off: `sudo systemctl restart systemd-timesyncd` "
        "(Fedora CoreOS: chronyd)",
    ),
    Check(
        "loopback routing",
        'said=$(sysctl -n net.ipv4.conf.all.route_localnet); echo "route_localnet: $said"; [ "$said" = 1 ]',
        "task roles need it: `sudo sysctl --system`",
    ),
    Check(
        "task role rules",
        f"{_ROOT} iptables -w -t nat -C PREROUTING -p tcp -d 169.254.170.2 --dport 80"
        " -j DNAT --to-destination 127.0.0.1:51679 && "
        f"{_ROOT} iptables -w -t nat -C OUTPUT -p tcp -d 169.254.170.2 --dport 80 -j REDIRECT --to-ports 51679",
        "`sudo systemctl restart ecs-agent-netfilter`",
    ),
    Check(
        "metadata shut for tasks",
        f"{_ROOT} iptables -w -C DOCKER-USER -d 169.254.169.254/32 -j DROP && "
        f"{_ROOT} iptables -w -C INPUT -p tcp --dport 51678 ! -i lo -j DROP",
        "`sudo systemctl restart ecs-agent-netfilter`",
    ),
    Check(
        "metadata by token",
        f"curl -fsS -m 5 -o /dev/null -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {_METADATA}/api/token"
        f' && old=$(curl -sS -m 5 -o /dev/null -w "%{{http_code}}" {_METADATA}/meta-data/)'
        ' && echo "without a token: $old" && [ "$old" = 401 ]',
        "the launch template wants tokens (IMDSv2): somebody changed this instance; " + _REBOOT,
    ),
    Check(
        "updates off",
        "grep -qsx SERVER=disabled /etc/flatcar/update.conf"
        " || grep -qsx 'enabled = false' /etc/zincati/config.d/90-off.toml",
        "the host would start anew under its tasks: " + _REBOOT,
    ),
    Check(
        "units",
        'failed=$(systemctl list-units --failed --no-legend --plain); echo "$failed"; [ -z "$failed" ]',
        "`systemctl status UNIT` says why",
    ),
)

_BEGIN, _END = "=== check", "=== ended"


def script() -> str:
    """Return the command that asks everything at once: one login a host."""
    return "\n".join(
        f"echo '{_BEGIN} {number}'; timeout 20 bash -c {shlex.quote(check.command)} 2>&1; code=$?; "
        f'echo; echo "{_END} $code"'
        for number, check in enumerate(CHECKS)
    )


def findings(output: str) -> tuple[Finding, ...]:
    """Read what the script printed; a check that has no answer did not run, so it is not well."""
    return tuple(_findings(output))


def _findings(output: str) -> Iterator[Finding]:
    pattern = rf"^{_BEGIN} (\d+)\n(.*?)^{_END} (\d+)$"
    answers = {
        int(number): (int(code), said)
        for number, said, code in re.findall(pattern, output, flags=re.MULTILINE | re.DOTALL)
    }
    for number, check in enumerate(CHECKS):
        code, said = answers.get(number, (None, "no answer"))
        words = "; ".join(line.strip() for line in said.splitlines() if line.strip())
        if code == 124:
            words = "no answer within 20 s"
        yield Finding(check.name, code == 0, words, check.mend)
