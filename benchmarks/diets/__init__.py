"""The size of the prompt under each diet."""
