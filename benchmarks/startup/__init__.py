"""How long anyclaude itself takes: its small commands, and the way to the client's first request."""
