"""
The user's choices, read once: flags > environment > configuration file > defaults.

`Settings` holds the values and their defaults, `TABLE` describes each of them.  The command line, the error messages
and `docs/settings.md` are made from these two.
"""

from .home import NO_HOME, home_folder
from .load import config_file, load_settings
from .setting import Setting, flag_named, variable_named
from .spelling import nearest_name
from .table import GROUPS, SETTINGS, Group, setting_named
from .unknown_variables import unknown_variables
from .values import AUTO, MODES, Fallback, Mode, Settings

__all__ = [
    "AUTO",
    "GROUPS",
    "MODES",
    "NO_HOME",
    "SETTINGS",
    "Fallback",
    "Group",
    "Mode",
    "Setting",
    "Settings",
    "config_file",
    "flag_named",
    "home_folder",
    "load_settings",
    "nearest_name",
    "setting_named",
    "unknown_variables",
    "variable_named",
]
