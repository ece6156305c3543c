"""What the gateway costs: the same load through it, through nginx, through its peers, and through nothing at all."""
