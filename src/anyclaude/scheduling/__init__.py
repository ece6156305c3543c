"""Who waits, for which backend, and what is tried before a request is given up."""
