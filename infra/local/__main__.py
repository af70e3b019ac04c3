"""`python -m infra.local --settings FILE`: what `process.ensure` starts; a refusal is left in the state folder
as one sentence."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.local import server, settings
from infra.local.errors import LocalCloudError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.local")
    parser.add_argument("--settings", type=Path, required=True)
    wanted = settings.read(parser.parse_args().settings)
    try:
        server.serve(wanted)
    except LocalCloudError as error:
        (wanted.state / "refusal").write_text(str(error))
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
