"""`python -m anyclaude.settings` writes the reference page of all settings."""

import sys

from .reference import reference_page

sys.stdout.write(reference_page())
