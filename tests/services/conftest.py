"""Makes the services importable, as in their image, for every test below this folder and for processes they start."""

import os
import sys
from pathlib import Path

SERVICES = str(Path(__file__).parents[2] / "services")

sys.path.insert(0, SERVICES)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [SERVICES, os.environ.get("PYTHONPATH", "")]))
