"""A Chat Completions request as a model server decodes it, and the rules that a strict server enforces."""

import itertools
import re
from collections.abc import Iterator

import msgspec

from anyclaude.protocol.json_values import JsonError, JsonObject, decode_json

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class FunctionCall(msgspec.Struct, frozen=True):
    """The function that a tool call names, with its arguments as JSON text."""

    name: str
    arguments: str


class ToolCall(msgspec.Struct, frozen=True):
    """One tool call of the assistant."""

    id: str
    function: FunctionCall
    type: str = "function"


class ImageUrl(msgspec.Struct, frozen=True):
    """The URL of an image; a gateway sends `data:` URLs."""

    url: str


class ContentPart(msgspec.Struct, frozen=True):
    """One part of a message's content."""

    type: str
    text: str = ""
    image_url: ImageUrl | None = None


class ChatMessage(msgspec.Struct, frozen=True):
    """One message of the conversation."""

    role: str
    content: str | tuple[ContentPart, ...] | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    reasoning_content: str | None = None

    @property
    def text(self) -> str:
        """The text of the message, its parts one line each."""
        match self.content:
            case None:
                return ""
            case str(text):
                return text
            case parts:
                return "\n".join(part.text for part in parts if part.type == "text")

    @property
    def images(self) -> tuple[str, ...]:
        """The URLs of the images in the message."""
        parts = () if self.content is None or isinstance(self.content, str) else self.content
        return tuple(part.image_url.url for part in parts if part.image_url is not None)


class FunctionDefinition(msgspec.Struct, frozen=True):
    """The description of one function in the request."""

    name: str
    description: str = ""
    parameters: dict[str, object] = {}


class ToolDefinition(msgspec.Struct, frozen=True):
    """A tool the model may call."""

    function: FunctionDefinition
    type: str = "function"


class StreamOptions(msgspec.Struct, frozen=True):
    """Options for a streamed reply."""

    include_usage: bool = False


class ChatBody(msgspec.Struct, frozen=True):
    """The fields of the body that a reply may depend on; all others are in `ChatRequest.raw`."""

    model: str
    messages: tuple[ChatMessage, ...]
    tools: tuple[ToolDefinition, ...] = ()
    stop: str | tuple[str, ...] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None


class ChatRequest(msgspec.Struct, frozen=True):
    """One request: its headers (names in lower case), its body as received, and its body decoded."""

    headers: dict[str, str]
    raw: JsonObject
    body: ChatBody

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """The conversation so far."""
        return self.body.messages

    @property
    def opening(self) -> str:
        """The user's messages before the first message of the assistant."""
        return "\n".join(message.text for message in _until_first_reply(self.messages) if message.role == "user")

    @property
    def turns_taken(self) -> int:
        """The number of messages of the assistant."""
        return sum(message.role == "assistant" for message in self.messages)

    @property
    def since_last_turn(self) -> tuple[ChatMessage, ...]:
        """The messages after the assistant's last one, which this reply answers."""
        last = max((at for at, message in enumerate(self.messages) if message.role == "assistant"), default=-1)
        return self.messages[last + 1 :]

    @property
    def tool_results(self) -> tuple[ChatMessage, ...]:
        """The results of the tool calls in the assistant's last message, in order."""
        return tuple(message for message in self.since_last_turn if message.role == "tool")

    @property
    def tool_names(self) -> tuple[str, ...]:
        """The names of the tools the model may call, in order."""
        return tuple(tool.function.name for tool in self.body.tools)


class InvalidChatRequest(ValueError):
    """The bytes are not a Chat Completions request; the message says where."""


def read_chat_request(headers: dict[str, str], body: bytes) -> ChatRequest:
    """Decode a request.

    Raises:
        InvalidChatRequest: when the body is not a Chat Completions request.
    """
    try:
        raw = decode_json(body)
        decoded = msgspec.convert(raw, ChatBody)
    except (JsonError, msgspec.ValidationError) as error:
        raise InvalidChatRequest(str(error)) from error
    assert isinstance(raw, dict)
    return ChatRequest(headers, raw, decoded)


def broken_rules(request: ChatRequest) -> tuple[str, ...]:
    """Return the violations of the rules for a conversation's messages.

    The rules are those that chat templates and servers enforce: Qwen's templates raise on a late system message,
    Gemma's on roles that do not alternate, OpenAI's API refuses other names of tools, Mistral's and OpenAI's refuse
    results that answer no call, and OpenAI's refuses a call that is never answered.
    Results must be in the order of their calls, because most templates render them without the ids; the client
    sends them in the order in which the tools finished (Claude Code 2.1.112 and 2.1.330).
    """
    return (
        *_late_system_messages(request),
        *_roles_that_do_not_alternate(request),
        *_bad_names(request),
        *_bad_calls(request),
        *_unpaired_results(request),
        *_empty_turns(request),
    )


def _roles_that_do_not_alternate(request: ChatRequest) -> Iterator[str]:
    """Yield neighbouring messages of one role, and an assistant that speaks first; each call may have a result."""
    spoken = [message.role for message in request.messages if message.role != "system"]
    if spoken[:1] == ["assistant"]:
        yield "the assistant speaks first."
    for at, (one, other) in enumerate(itertools.pairwise(message.role for message in request.messages)):
        if one == other and one in {"user", "assistant"}:
            yield f"messages[{at}]: Conversation roles must alternate, and {one} speaks twice."


def _bad_names(request: ChatRequest) -> Iterator[str]:
    calls = (call.function.name for message in request.messages for call in message.tool_calls)
    for name in (*request.tool_names, *calls):
        if not _NAME.fullmatch(name):
            yield f"{name!r} does not match {_NAME.pattern}."


def _late_system_messages(request: ChatRequest) -> Iterator[str]:
    for at, message in enumerate(request.messages):
        if message.role == "system" and at > 0:
            yield f"messages[{at}]: System message must be at the beginning."


def _bad_calls(request: ChatRequest) -> Iterator[str]:
    seen: set[str] = set()
    for at, message in enumerate(request.messages):
        for call in message.tool_calls:
            if call.id in seen:
                yield f"messages[{at}]: the tool call id {call.id!r} was used before."
            if not _is_json_object(call.function.arguments):
                yield f"messages[{at}]: the arguments of {call.function.name} are not a JSON object."
            seen.add(call.id)


def _unpaired_results(request: ChatRequest) -> Iterator[str]:
    waiting: list[str] = []
    for at, message in enumerate(request.messages):
        if message.role == "tool":
            if waiting and message.tool_call_id == waiting[0]:
                del waiting[0]
            else:
                yield f"messages[{at}]: the result for {message.tool_call_id!r} is not the next of {waiting}."
        elif waiting:
            yield f"messages[{at}]: the calls {waiting} have no result."
            waiting = []
        if message.role == "assistant":
            waiting = [call.id for call in message.tool_calls]
    if waiting:
        yield f"messages end, and the calls {waiting} have no result."


def _empty_turns(request: ChatRequest) -> Iterator[str]:
    for at, message in enumerate(request.messages):
        if message.role == "assistant" and not (message.text or message.tool_calls or message.reasoning_content):
            yield f"messages[{at}]: the assistant's message is empty."
        if message.role == "user" and not (message.text or message.images):
            yield f"messages[{at}]: the user's message is empty."


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(decode_json(text.encode()), dict)
    except JsonError:
        return False


def _until_first_reply(messages: tuple[ChatMessage, ...]) -> Iterator[ChatMessage]:
    for message in messages:
        if message.role == "assistant":
            return
        yield message
