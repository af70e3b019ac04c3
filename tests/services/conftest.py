"""Makes the services importable, as in their image, for every test below this folder and for processes they start;
and gives Tornado's tests as long as a busy machine may need.
"""

import os
import sys
from pathlib import Path

SERVICES = str(Path(__file__).parents[2] / "services")

sys.path.insert(0, SERVICES)
os.environ.setdefault(
    "ASYNC_TEST_TIMEOUT", "60"
)  # seconds; Tornado's own five are over when a machine stalls
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [SERVICES, os.environ.get("PYTHONPATH", "")]))
