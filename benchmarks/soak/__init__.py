"""Mixed traffic for an hour, with random faults and restarts: no wrong reply, and nothing that grows."""
