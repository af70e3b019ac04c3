"""What every service shares: settings, HTTP, logs, database, identity, tasks and migrations; no business."""
