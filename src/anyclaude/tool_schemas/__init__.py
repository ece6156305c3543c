"""What a tool's schema says about a call: which tool a name means, and whether the arguments fit."""

from .call_schema import call_schema, with_properties
from .grammar_schema import for_grammar
from .lenient_json import read_leniently
from .offered_tools import CheckedCall, OfferedTools
from .portable_schema import portable_schema
from .syntax import read_arguments
from .wire_names import names_by_wire_name, wire_name

__all__ = [
    "CheckedCall",
    "OfferedTools",
    "call_schema",
    "for_grammar",
    "names_by_wire_name",
    "portable_schema",
    "read_arguments",
    "read_leniently",
    "wire_name",
    "with_properties",
]
