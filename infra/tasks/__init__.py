"""One-off tasks: what is asked of ECS, the watching to the end, and the log lines on the way."""
