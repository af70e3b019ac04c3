"""The local cloud: MiniStack as control plane, Docker as data plane; it knows nothing of the project's own stacks."""
