"""What `docker run IMAGE` starts: the service's own `__main__`; task definitions name their commands themselves."""

import os
import runpy

runpy.run_module(os.environ["SERVICE"], run_name="__main__", alter_sys=True)
