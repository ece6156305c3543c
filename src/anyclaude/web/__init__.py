"""Web search and web fetch, which Anthropic's servers run for their clients: providers, and a guarded way to pages."""
