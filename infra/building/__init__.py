"""Images made: the context that the engine is sent, what it says while it builds, what the host fetches."""
