"""How fast replies are generated with drafts, and whether they stay the same."""
