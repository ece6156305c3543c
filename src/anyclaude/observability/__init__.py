"""The journal of exchanges: one typed record per exchange, written once, and read again newest first."""
