"""What a bare machine needs before anything else can run: the locked environment and a Docker engine.

Standard library only, and readable by Python 3.8, so that an old interpreter gets as far as being told that it is old.
`deploy.py` calls the two `ensure_…_and_reexec` functions first; both return at once on a machine that is ready.
"""

from infra.setup.engine import ensure_engine_and_reexec
from infra.setup.streams import ready_streams
from infra.setup.venv import ensure_venv_and_reexec

__all__ = ["ensure_engine_and_reexec", "ensure_venv_and_reexec", "ready_streams"]
