"""The interfaces of a dialect: how to encode requests, and how to decode replies."""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from anyclaude.errors import BackendError, BackendRejected
from anyclaude.profiles import Amendment, BackendProfile
from anyclaude.protocol.deltas import Delta
from anyclaude.protocol.detached_data import NO_DATA, DetachedData
from anyclaude.protocol.messages_request import MessagesRequest, Tool
from anyclaude.protocol.prompt import Prompt

from .earlier_replies import EarlierReplies


class WireRequest(Struct, frozen=True):
    """A request ready to send; `path` is relative to the backend's base URL, or to the server's root."""

    path: str
    body: bytes = b""
    """JSON; a request without a body, as `GET` has none, is sent without a content type."""
    accept: str = "text/event-stream"
    at_root: bool = False
    method: Literal["GET", "POST"] = "POST"
    data: DetachedData = NO_DATA
    """What is put in the place of its marks while it is sent."""


class DroppedField(Struct, frozen=True):
    """One kind of content that this dialect, or this server, cannot carry."""

    what: str
    """A path into the request without positions: `messages.document`, `thinking`, `top_k`."""
    why: str
    count: int = 1


EnforcedContent: TypeAlias = Literal["any", "call", "format"]
"""What the engine is made to write: anything, one tool call as a JSON object with `name` and `arguments`, or JSON in
the format that the client has asked for."""


class Encoded(Struct, frozen=True):
    """A request in the server's language, and the fields that were dropped."""

    request: WireRequest
    dropped: tuple[DroppedField, ...] = ()
    enforced: EnforcedContent = "any"


class EngineProgress(Struct, frozen=True):
    """
    How far the engine says that it is with a request; `None` for what it does not say.

    `evaluated_tokens` are those of the prompt that are done, among them the cached ones.
    """

    prompt_tokens: int | None = None
    evaluated_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    generation_seconds: float | None = None


class DeltaDecoder(Protocol):
    """The state of decoding one reply."""

    @property
    def engine_progress(self) -> EngineProgress:
        """How far the engine says that it is; asked for now and then, so that the reply does not wait for it."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether the server has marked the end: nothing that follows belongs to the reply, so none is awaited."""
        ...

    def feed(self, chunk: bytes) -> list[Delta]:
        """
        Return the deltas that `chunk` adds; any split of the bytes adds up to the same deltas.

        Raises:
            BackendGarbled: when the bytes cannot be understood.
            BackendRejected: when the server sends an error inside its stream.
            BackendTruncated: when the server breaks the reply off, or writes parts of another one into it.
        """
        ...

    def finish(self) -> list[Delta]:
        """
        Return the deltas that only the end of the reply decides.

        Raises:
            BackendTruncated: when the bytes ended before the server had finished its reply.
            BackendRejected: when the bytes are a refusal.
        """
        ...


class Dialect(Protocol):
    """A wire language of model servers."""

    def encode_request(
        self,
        request: MessagesRequest,
        model: str,
        profile: BackendProfile,
        conversation_key: str | None = None,
        *,
        avoids_repetition: bool = False,
        origin: str = "",
    ) -> Encoded:
        """
        Return the streaming request for `model`, which is the server's name for it.

        `conversation_key` is sent to servers that route by one; it must not identify the user.  With
        `avoids_repetition`, the model is sampled so that it does not repeat itself.  Calls of earlier replies
        have the `provider_fields` that came from `origin`, which stands for this server and model.
        """
        ...

    def decoder(
        self, content_type: str, tools: Sequence[Tool] = (), earlier_replies: EarlierReplies | None = None
    ) -> DeltaDecoder:
        """
        Return a decoder for one reply; `content_type` is an event stream or one JSON document.

        `tools` are those of the request: the wire language may have other names for them.  `earlier_replies` are those
        of the server, whose chunks have no place in this one.
        """
        ...

    def read_prompt(self, request: WireRequest) -> Prompt:
        """Return the prompt in an encoded request."""
        ...

    def decode_error(
        self, status: int, body: bytes, retry_after_seconds: float | None, profile: BackendProfile
    ) -> BackendError:
        """Return the error for a reply with an error status; `profile` names the variable that holds the key."""
        ...

    def amendment_for(
        self, refusal: BackendRejected, request: WireRequest, profile: BackendProfile
    ) -> Amendment | None:
        """
        Return how to change `profile` so that the server accepts what it has refused, encoded with this profile.

        `None` if the refusal names nothing that can be changed without changing what the request means.
        """
        ...


class TokenizerApi(Protocol):
    """
    The questions that a server's tokenizer answers, about requests as they are sent.

    Every question is made from an encoded request of the same server, so a prompt is encoded once.
    """

    def encode_token_count(self, encoded: WireRequest) -> WireRequest | None:
        """Return the question for the number of tokens in a request's prompt, `None` if the server has no route."""
        ...

    def decode_token_count(self, body: bytes) -> int | None:
        """Return the count in the answer to that question, `None` if there is none."""
        ...

    def encode_rendering(self, encoded: WireRequest) -> WireRequest | None:
        """Return the question for the text of a request's prompt, `None` if the server has no route."""
        ...

    def decode_rendering(self, body: bytes) -> str | None:
        """Return the text in the answer to that question, `None` if there is none."""
        ...

    def encode_tokenizing(self, text: str) -> WireRequest | None:
        """Return the question for the tokens of a rendered prompt, `None` if the server has no route."""
        ...

    def decode_tokenizing(self, body: bytes) -> tuple[int, ...] | None:
        """Return the tokens in the answer to that question, `None` if there are none."""
        ...
