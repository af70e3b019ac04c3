"""The public linters find nothing to say about the Dockerfiles and the gateway's nginx.conf."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
VALUES = {
    "WORKERS": "2",
    "PORT": "8080",
    "METRICS_PORT": "9145",
    "NAMESERVER": "127.0.0.1",
    "INTERNAL_DOMAIN": "local.internal",
    "UPSTREAM_CONNECT_SECONDS": "2",
    "UPSTREAM_READ_SECONDS": "30",
    "TRUSTED_HOPS": "set_real_ip_from 10.0.0.0/8;",
}
# A 404 for all but /metrics tells a stranger nothing; and bin/gateway raises the limit of open files before nginx starts.
NOT_A_FAULT = "return_bypasses_allow_deny,worker_rlimit_nofile_vs_connections"


def test_hadolint_finds_nothing_in_any_dockerfile_of_an_image() -> None:
    dockerfiles = sorted(str(path) for path in ROOT.glob("images/*/Dockerfile"))

    # DL3008: packages are not pinned, because an image should have Debian's security updates of the day.
    linted = subprocess.run(
        [BIN / "hadolint", "--ignore", "DL3008", *dockerfiles], capture_output=True, text=True
    )

    assert len(dockerfiles) > 5
    assert (linted.returncode, linted.stdout) == (0, "")


def test_gixy_finds_nothing_in_the_gateways_configuration(tmp_path: Path) -> None:
    template = (ROOT / "images" / "gateway" / "nginx.conf").read_text()
    filled = tmp_path / "nginx.conf"
    filled.write_text(re.sub("@([A-Z_]+)@", lambda word: VALUES[word[1]], template))

    linted = subprocess.run([BIN / "gixy", "--skips", NOT_A_FAULT, filled], capture_output=True, text=True)

    assert linted.returncode == 0, linted.stdout
    assert "No issues found" in linted.stdout, linted.stdout
