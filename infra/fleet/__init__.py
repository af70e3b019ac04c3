"""The hosts of an environment, as people operate them: seen, checked, replaced one at a time, refreshed."""
