"""Tool calls of small models: on the engine alone, and through anyclaude with and without repair and constraint."""
