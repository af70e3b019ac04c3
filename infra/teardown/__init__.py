"""How an environment ends: look (reads AWS), plan (pure), execute (the only one that changes), audit (pure), report.

A teardown is look, plan, execute, again and again until the plan is empty; so one that was cut off at any point is
finished by calling it again. What is ours is decided by exact tag and recorded physical id, never by a name's
beginning: what has only the name is told, not touched.
"""
