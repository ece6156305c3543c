"""
How to request a reply a second time, because of an invalid call or of endless repetition.

An invalid call is requested with its tool's schema enforced by the engine: the same conversation, but the reply can
only be a call of that one tool.  That request is made when the first reply is over: a server may have one slot, and
only its end shows whether the reply was cut.

A reply that repeats itself without end is requested as before, but sampled so that it does not.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from anyclaude.filters import RejectedCall
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.message_stream import merge_reports, sum_of
from anyclaude.protocol.messages_request import Tool, ToolChoice
from anyclaude.scheduling.upstream import PreparedRequest
from anyclaude.tool_schemas import OfferedTools


class WrittenCall(msgspec.Struct, frozen=True):
    """The JSON object that the engine was made to write."""

    name: str
    arguments: msgspec.Raw


def can_be_constrained(prepared: PreparedRequest) -> bool:
    """Return whether the server enforces the schema of a call, and has not done so for this reply already."""
    profile = prepared.profile
    return profile.forces_calls_by == "json_schema" and prepared.enforced == "any"


async def constrained(prepared: PreparedRequest, tool: str) -> PreparedRequest:
    """Return the request for a call of `tool`."""
    request = replace(prepared.source.request, tool_choice=ToolChoice("tool", tool))
    return await prepared.upstream.prepare_again(prepared, replace(prepared.source, request=request))


async def against_repetition(prepared: PreparedRequest) -> PreparedRequest:
    """Return the same request, sampled so that the reply does not repeat itself."""
    return await prepared.upstream.prepare_again(prepared, replace(prepared.source, avoids_repetition=True))


def replacement(call: RejectedCall, reply: Sequence[Delta], tools: Iterable[Tool]) -> ToolCallDelta | None:
    """Return the call in the reply to the second request, `None` if it is not a whole and valid one."""
    arguments = _arguments_in(call.tool, reply)
    if arguments is None or not any(isinstance(delta, Finished) and delta.reason != "max_tokens" for delta in reply):
        return None
    checked = OfferedTools(tools).checked(call.tool, arguments)
    return ToolCallDelta(call.deltas[0].slot, call.tool, checked.arguments) if checked.is_valid else None


def _arguments_in(tool: str, reply: Sequence[Delta]) -> str | None:
    """Return the arguments: of the JSON object in the text, or of a call that the server has made of it."""
    calls = [delta for delta in reply if isinstance(delta, ToolCallDelta)]
    if calls:
        ours = calls[0].name == tool and {delta.slot for delta in calls} == {calls[0].slot}
        return "".join(delta.arguments for delta in calls) if ours else None
    text = "".join(delta.text for delta in reply if isinstance(delta, TextDelta))
    try:
        written = msgspec.json.decode(text, type=WrittenCall)
    except (msgspec.DecodeError, RecursionError):
        return None
    return bytes(written.arguments).decode() if written.name == tool else None


def usage_of_both(first: UsageReported, reply: Sequence[Delta]) -> UsageReported:
    """
    Return the usage of a message that took two requests.

    What was generated adds up, and so does the time.  The input is that of the first, if it is known: the second has
    the same prompt, and the client takes the input for the size of its conversation.
    """
    second = UsageReported()
    for delta in reply:
        if isinstance(delta, UsageReported):
            second = merge_reports(second, delta)
    is_input_known = first.input_tokens is not None
    return UsageReported(
        input_tokens=None if is_input_known else second.input_tokens,
        cached_tokens=None if is_input_known else second.cached_tokens,
        output_tokens=sum_of(first.output_tokens, second.output_tokens),
        prefill_seconds=sum_of(first.prefill_seconds, second.prefill_seconds),
        generation_seconds=sum_of(first.generation_seconds, second.generation_seconds),
        drafted_tokens=sum_of(first.drafted_tokens, second.drafted_tokens),
        accepted_tokens=sum_of(first.accepted_tokens, second.accepted_tokens),
    )
