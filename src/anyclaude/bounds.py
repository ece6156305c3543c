"""Bounds that the settings and the gateway have as defaults."""

QUEUE_LIMIT = 64
"""The requests that wait for a server; far more than one Claude Code with its sub-agents sends (not measured)."""

STORED_PROMPTS = 24
"""The main conversations and sub-agents of a few sessions: some 4 MB where each has 360 kB, compressed to 180."""

REPEATED_CALLS = 5
"""The identical rounds of tool calls after which a turn is ended.  Two happen in good sessions, where a file is read
again; a model of 1.5 B parameters or less read a missing one 27 times, until it was stopped."""

ASSUMED_CONTEXT_TOKENS = 32_768
"""For a server that does not report its window: otherwise the client assumes a million tokens for unknown models, and a
server that cuts long prompts silently would cut most of them."""

CONNECTION_BACKLOG = 1024
"""The connections that wait for the gateway to accept them; the kernel limits them to `net.core.somaxconn`."""
