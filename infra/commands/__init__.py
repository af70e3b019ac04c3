"""One module a command: gather, call the pure core, carry out, say what came of it."""
