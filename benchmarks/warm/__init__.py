"""The cost of the first turn of a session on a cold engine, after prewarming, and after a restore."""
