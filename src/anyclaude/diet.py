"""The diets: how much prompt a request carries."""

from typing import Literal, TypeAlias

Diet: TypeAlias = Literal["full", "lean", "minimal"]
"""How much of the prompt is kept: all of it, the part that a local model needs, or only the indispensable part."""

DEFAULT_DIET: Diet = "lean"
"""For models that run on local hardware.  In mode `claude` it is `full`: these requests are forwarded unchanged."""
