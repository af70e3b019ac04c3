"""The rollout of a service: why its tasks fail, caught while it runs, and the verdict when it has ended."""
