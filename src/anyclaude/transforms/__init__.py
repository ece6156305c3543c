"""
The preparation of a prompt for the model: a list of small, pure transforms.

A transform takes a request and returns another; it never modifies its argument.  Every transform is
idempotent, and does not change the prefix that an earlier turn has already sent: the engine's
cache depends on it.
"""

from anyclaude.diet import Diet

from .allowed_tools import AllowedTools
from .attribution import WithoutAttribution
from .base import OriginalCall, PreparedPrompt, PromptContext, Step, Transform, prepare
from .clear_thinking import ClearedThinking
from .clear_tool_uses import ClearedToolUses, applied_edits
from .compacted_opening import CompactedOpening
from .compaction_blocks import CompactionBlocks
from .instructions_first import InstructionsFirst
from .original_calls import OriginalCalls
from .repeated_calls import RepeatedCalls, RepetitionNote
from .repetition import Repetition, RepetitionFinder
from .restored_files import RestoredFiles
from .round_results import RoundResults
from .runnable_tools import RunnableTools, runnable_name
from .server_tool_turns import ServerToolTurns
from .system_sections import ShorterSystemPrompt
from .tool_order import StableToolOrder
from .tool_text import ShorterTools

__all__ = [
    "AllowedTools",
    "ClearedThinking",
    "ClearedToolUses",
    "CompactedOpening",
    "CompactionBlocks",
    "Diet",
    "InstructionsFirst",
    "OriginalCall",
    "OriginalCalls",
    "PreparedPrompt",
    "PromptContext",
    "RepeatedCalls",
    "Repetition",
    "RepetitionFinder",
    "RepetitionNote",
    "RestoredFiles",
    "RoundResults",
    "RunnableTools",
    "ServerToolTurns",
    "ShorterSystemPrompt",
    "ShorterTools",
    "StableToolOrder",
    "Step",
    "Transform",
    "WithoutAttribution",
    "applied_edits",
    "prepare",
    "runnable_name",
]
