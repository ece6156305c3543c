"""Claude Code on the models you run yourself: a launcher and a gateway."""
