"""How the preparation of prompts affects an engine's cache, by the engine's own counters."""
