"""What a tool's schema says about a call: which tool a name means, and whether the arguments fit."""

from .lenient_json import read_leniently
from .offered_tools import CheckedCall, OfferedTools
from .syntax import read_arguments
from .wire_names import names_by_wire_name, wire_name

__all__ = [
    "CheckedCall",
    "OfferedTools",
    "names_by_wire_name",
    "read_arguments",
    "read_leniently",
    "wire_name",
]
