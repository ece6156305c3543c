"""What a transform is, and how a prompt is prepared by a list of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from anyclaude.diet import Diet
from anyclaude.protocol.events import ContextManagement
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN
from anyclaude.protocol.provider_fields import ProviderFields


class OriginalCall(Struct, frozen=True):
    """A call of an earlier reply, as the model wrote it."""

    arguments: str
    """The argument text; for a call that it wrote into the text of its reply, the one that was made of it."""
    sent: str | None = None
    """The argument text that the client received, if it was repaired."""
    written: str | None = None
    """The text of a call that it wrote into the text of its reply."""
    provider_fields: ProviderFields | None = None
    """What the server wants back with the call."""

    @property
    def received(self) -> str:
        """The argument text that the client received; it gets an empty object for no text at all."""
        return (self.arguments if self.sent is None else self.sent).strip() or "{}"

    @property
    def characters(self) -> int:
        """The length of its texts."""
        texts = len(self.arguments) + len(self.sent or "") + len(self.written or "")
        return texts if self.provider_fields is None else texts + self.provider_fields.characters


class PromptContext(Struct, frozen=True, kw_only=True):
    """The information that a transform may use besides the request."""

    diet: Diet = "full"
    context_tokens: int | None = None
    """The window of the server that requests go to first; `None` if it is not known."""
    allowed_tools: frozenset[str] | None = None
    """The tools that are passed on, by name or pattern (`mcp__github__*`); `None` for all of them."""
    repeated_calls: int = 0
    """The identical rounds of tool calls after which a turn is ended; 0 for any number."""
    server_tools: frozenset[str] = frozenset()
    """The tools of Anthropic's servers that the gateway runs itself, as `web_search`."""
    tool_order: tuple[str, ...] = ()
    """The tools of the conversation's earlier requests, in the order in which the model read them."""
    original_calls: Mapping[str, OriginalCall] = {}
    """By tool use id: the calls of earlier replies exactly as the model wrote them."""
    new_calls: Mapping[str, OriginalCall] = {}
    """The same of a reply that is under way."""
    sends_thinking: bool = True
    """Whether the server that requests go to first gets the thinking of earlier turns at all."""
    characters_per_token: float = CHARACTERS_PER_TOKEN
    """Of the conversation's prompts, as far as it is known."""


class Transform(Protocol):
    """
    One step of the preparation: takes a request and returns another, and never modifies its argument.

    Every transform is idempotent, and does not change the prefix that an earlier turn has already sent: the
    engine's cache depends on it.
    """

    @property
    def name(self) -> str:
        """The transform's name in the journal."""
        ...

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the changed request, or the same object if there is nothing to change."""
        ...


class Step(Struct, frozen=True):
    """The size of the prompt before and after one transform, in characters."""

    name: str
    before: int
    after: int


class PreparedPrompt(Struct, frozen=True):
    """The request as it will be sent, and the effect of each transform that changed its size."""

    request: MessagesRequest
    characters: int
    """The size of the request."""
    steps: tuple[Step, ...] = ()
    context_management: ContextManagement | None = None
    """What was done of the edits that the client asks for; `None` if it asks for none."""


def prepare(
    request: MessagesRequest,
    transforms: Sequence[Transform],
    context: PromptContext,
    size: Callable[[MessagesRequest], int],
) -> PreparedPrompt:
    """Run the transforms in order."""
    steps: list[Step] = []
    characters = size(request)
    for transform in transforms:
        changed = transform(request, context)
        if changed is request:
            continue
        request, before, characters = changed, characters, size(changed)
        if characters != before:
            steps.append(Step(transform.name, before, characters))
    return PreparedPrompt(request, characters, tuple(steps))
