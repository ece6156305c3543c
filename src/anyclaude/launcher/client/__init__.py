"""
The client, Claude Code: where it is installed, and the environment and arguments it is started with.

`plan.py` puts together what `environment.py`, `arguments.py` and `diets.py` contribute; none of them does any I/O but
reading the user's settings files.  `installation.py` finds the program, or installs it.
"""
