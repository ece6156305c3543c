"""What the preparation of prompts does to an engine's cache, told by the engine's own counters."""
