"""What happened: one typed record per exchange, written once."""
