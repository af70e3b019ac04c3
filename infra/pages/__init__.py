"""Reports as pages: one file each, with nothing to fetch; what colour says, a word says too. Pure."""
