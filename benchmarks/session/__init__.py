"""A scripted coding session of the real client on a real model: what its user waits for, directly and through us."""
