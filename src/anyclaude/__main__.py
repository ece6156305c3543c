"""`python -m anyclaude` is the `anyclaude` command."""

from anyclaude.cli.main import main

main()
