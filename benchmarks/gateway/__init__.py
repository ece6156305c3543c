"""The overhead of the gateway: the same load directly to a backend, and through the gateway, nginx and its peers."""
