"""
Untrusted files, read in a process of their own: bounded in memory and time, low in priority, and without secrets.

`reader.py` starts that process and talks to it; `documents.py` has typed faces for documents.  `__main__.py` is the
process itself, and `kinds/` what it can read, one module for each kind.
"""
