"""
What the reading process can read: for each kind a module with `read(data, options) -> Result`.

They are imported in that process alone, each with its libraries when the first file of its kind is read.
"""
