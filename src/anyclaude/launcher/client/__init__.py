"""
The client, Claude Code: where it is installed, and the environment and arguments it is started with.

`plan` puts together the contributions of `environment`, `arguments`, `diets` and `session_settings`, from what
`user_settings` has read.  `installation` finds the program, or installs it; `in_place` tells
whether we run in its place.
"""

from .credentials import PROVIDERS, is_credential
from .diets import CLIENT_DIETS, ClientDiet, DietChoice, FirstPrompts
from .environment import Variable, child_environment, environment_of_any_model
from .finding import Client, Machine
from .installation import find_client, provide_client
from .plan import Invocation, Plan, diet_of, plan_client
from .releases import release_note
from .session_settings import remove_left_over_settings, settings_file
from .user_settings import UserSettings

__all__ = [
    "CLIENT_DIETS",
    "PROVIDERS",
    "Client",
    "ClientDiet",
    "DietChoice",
    "FirstPrompts",
    "Invocation",
    "Machine",
    "Plan",
    "UserSettings",
    "Variable",
    "child_environment",
    "diet_of",
    "environment_of_any_model",
    "find_client",
    "is_credential",
    "plan_client",
    "provide_client",
    "release_note",
    "remove_left_over_settings",
    "settings_file",
]
