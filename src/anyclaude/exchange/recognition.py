"""
Recognise the caller by the body of a request: older clients send no hint headers, others no session id.

The patterns are those of Claude Code 2.1.112 to 2.1.330.  A request that is not recognised counts as the main
conversation; the worst consequence is that other requests wait.
"""

import hashlib

from msgspec.structs import replace

from anyclaude.protocol.content import Content, TextBlock, UnknownBlock, blocks_of
from anyclaude.protocol.json_values import JsonValue
from anyclaude.protocol.messages_request import MessagesRequest

from .caller import Caller

SEARCH_TOOL_PREFIX = "web_search_"
SEARCH_PHRASE = "Perform a web search for the query"
PAGE_PHRASE = "Web page content:"
QUOTA_PHRASE = "quota"

SLICE = 256 * 1024
"""Characters that are looked at in one call."""


def recognise(caller: Caller, request: MessagesRequest) -> Caller:
    """Return the caller, completed with what only the body of the request reveals."""
    if caller.session is None:
        caller = replace(caller, opening=_opening(request))
    if caller.is_claude_code and caller.request_class == "unknown" and _is_auxiliary(request):
        caller = replace(caller, request_class="auxiliary")
    return caller


def last_words(request: MessagesRequest) -> str:
    """Return what the user says last."""
    last = next((turn.content for turn in reversed(request.messages) if turn.role == "user"), "")
    return "\n".join(block.text for block in blocks_of(last) if isinstance(block, TextBlock)).strip()


def query_in(words: str) -> str:
    """Return the query of a search that Claude Code asks for; other words as they are."""
    return words.removeprefix(SEARCH_PHRASE).removeprefix(":").strip()


def _is_auxiliary(request: MessagesRequest) -> bool:
    """Return whether the request is for a title, a web search, a page summary or the quota: always one message."""
    if len(request.messages) != 1:
        return False
    text = _text(request.messages[0].content).lstrip()
    if request.tools:
        return (
            len(request.tools) == 1
            and (request.tools[0].type or "").startswith(SEARCH_TOOL_PREFIX)
            and SEARCH_PHRASE in text
        )
    is_probe = request.max_tokens == 1 and text == QUOTA_PHRASE
    return is_probe or text.startswith(PAGE_PHRASE) or _requests_json(request)


def _requests_json(request: MessagesRequest) -> bool:
    output_format: JsonValue = (request.output_config or {}).get("format")
    return isinstance(output_format, dict) and output_format.get("type") == "json_schema"


def _opening(request: MessagesRequest) -> str:
    """
    Return a digest of the beginning that all turns of a conversation share: instructions, tools, first user message.

    Only the text is compared: cache breakpoints move from turn to turn, and a text may or may not be in a block.
    """
    first = next((turn.content for turn in request.messages if turn.role == "user"), "")
    digest = hashlib.sha256()
    for part in (_text(request.system), *sorted(tool.name for tool in request.tools), _text(first)):
        digest.update(f"{len(part)}:".encode())
        for start in range(0, len(part), SLICE):
            digest.update(part[start : start + SLICE].encode(errors="surrogatepass"))
    return f"opening-{digest.hexdigest()[:24]}"


def _text(content: Content) -> str:
    return "\n".join(_block_text(block) for block in blocks_of(content))


def _block_text(block: object) -> str:
    match block:
        case TextBlock(text):
            return text
        case UnknownBlock(kind):
            return f"<{kind}>"
        case _:
            return f"<{type(block).__name__}>"
