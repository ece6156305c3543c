"""What the first turn of a session costs on a cold engine, after a warm-up, and after a restore."""
