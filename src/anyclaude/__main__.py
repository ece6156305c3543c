"""`python -m anyclaude` is the `anyclaude` command."""

from anyclaude.cli import main

main()
