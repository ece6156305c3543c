"""
Facts about servers, as data, never behaviour.

Each kind of server has a module with its `BackendProfile`, and a row in `table`.  `error_wordings` holds the sentences
in which servers report errors.
"""

from . import error_wordings
from .amendments import Amendment, Change, amended
from .base import (
    BackendName,
    BackendProfile,
    Continuation,
    DialectName,
    EmptyContent,
    FieldRange,
    ForcedCalls,
    RepetitionSampling,
    SystemPrompt,
    TextAfterResults,
    ThinkingSwitch,
    TokenCounting,
    ToolNames,
)
from .embedded import DEMONSTRATION, EMBEDDED
from .server_flags import SERVER_FLAGS, FlagState, ServerFlag, ServerFlags, flag_state, has_flag
from .table import PROFILES, profile_named

__all__ = [
    "DEMONSTRATION",
    "EMBEDDED",
    "PROFILES",
    "SERVER_FLAGS",
    "Amendment",
    "BackendName",
    "BackendProfile",
    "Change",
    "Continuation",
    "DialectName",
    "EmptyContent",
    "FieldRange",
    "FlagState",
    "ForcedCalls",
    "RepetitionSampling",
    "ServerFlag",
    "ServerFlags",
    "SystemPrompt",
    "TextAfterResults",
    "ThinkingSwitch",
    "TokenCounting",
    "ToolNames",
    "amended",
    "error_wordings",
    "flag_state",
    "has_flag",
    "profile_named",
]
