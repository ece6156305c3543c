"""
The client, Claude Code: where it is installed, and the environment and arguments it is started with.

`plan` puts together the contributions of `environment`, `arguments` and `diets`; the only I/O of these is to read the
user's settings files.  `installation` finds the program, or installs it.
"""

from .diets import CLIENT_DIETS, ClientDiet
from .environment import Variable, child_environment, environment_of_any_model, is_credential
from .installation import Client, Machine, find_client, provide_client
from .plan import Invocation, Plan, diet_of, plan_client

__all__ = [
    "CLIENT_DIETS",
    "Client",
    "ClientDiet",
    "Invocation",
    "Machine",
    "Plan",
    "Variable",
    "child_environment",
    "diet_of",
    "environment_of_any_model",
    "find_client",
    "is_credential",
    "plan_client",
    "provide_client",
]
