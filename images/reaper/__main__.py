"""The command line in an image: what `./deploy.py` is elsewhere, with no environment to make first."""

import sys
from pathlib import Path

from infra.commands.cli import run

sys.exit(run(Path("/app"), sys.argv[1:]))
