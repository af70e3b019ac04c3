"""The half that `tests.local.plane` adds: under a name of its own, since that module runs as __main__."""

import sys

_plane = sys.modules["__main__"]
install, start, stop = _plane.install, _plane.start, _plane.stop
