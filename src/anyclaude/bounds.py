"""Bounds on what is held, which the settings and the gateway have as defaults."""

QUEUE_LIMIT = 64
"""The requests that wait for a server; far more than one Claude Code with its sub-agents sends (not measured)."""

STORED_PROMPTS = 24
"""The main conversations and sub-agents of a few sessions: some 4 MB where each has 360 kB, compressed to 180."""

CONNECTION_BACKLOG = 1024
"""The connections that wait for the gateway to accept them; the kernel limits them to `net.core.somaxconn`."""
