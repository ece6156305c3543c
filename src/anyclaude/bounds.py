"""Bounds that the settings and the gateway have as defaults."""

QUEUE_LIMIT = 64
"""The requests that wait for a server; far more than one Claude Code with its sub-agents sends (not measured)."""

STORED_PROMPTS = 24
"""The main conversations and sub-agents of a few sessions: some 4 MB where each has 360 kB, compressed to 180."""

REPEATED_CALLS = 5
"""The identical rounds of tool calls after which a turn is ended.  Two happen in good sessions (a file is read again);
models of up to 1.5 B parameters, once they had made three, went on until they were stopped (one read 27 times)."""

CONNECTION_BACKLOG = 1024
"""The connections that wait for the gateway to accept them; the kernel limits them to `net.core.somaxconn`."""
