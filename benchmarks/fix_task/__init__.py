"""A task of reading, fixing and testing, played by the real client on a small model, directly and through anyclaude."""
