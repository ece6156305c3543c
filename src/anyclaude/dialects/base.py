"""What a dialect is: how to ask, and how to understand the answer."""

from typing import Literal, Protocol

from msgspec import Struct

from anyclaude.errors import BackendError
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.deltas import Delta
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt import Prompt


class WireRequest(Struct, frozen=True):
    """A request ready to send; `path` is relative to the backend's base URL, or to the server's root."""

    path: str
    body: bytes = b""
    """JSON; a request without a body, as `GET` has none, is sent without a content type."""
    accept: str = "text/event-stream"
    at_root: bool = False
    method: Literal["GET", "POST"] = "POST"


class DroppedField(Struct, frozen=True):
    """One thing the request said that this dialect, or this server, cannot carry."""

    what: str
    """A path into the request with positions left out: `messages.document`, `thinking`, `top_k`."""
    why: str
    count: int = 1


class Encoded(Struct, frozen=True):
    """A request in the server's language, and what was lost on the way."""

    request: WireRequest
    dropped: tuple[DroppedField, ...] = ()


class DeltaDecoder(Protocol):
    """The state of understanding one answer."""

    def feed(self, chunk: bytes) -> list[Delta]:
        """
        Return what `chunk` adds; any split of the bytes adds up to the same deltas.

        Raises `BackendGarbled` for what cannot be understood, `BackendRejected` for an error
        that the server sends inside its stream.
        """
        ...

    def finish(self) -> list[Delta]:
        """
        Return what only the end of the answer settles.

        Raises `BackendTruncated` when the bytes ended before the server had finished its reply.
        """
        ...


class Dialect(Protocol):
    """A language some servers speak."""

    def encode_request(
        self, request: MessagesRequest, model: str, profile: BackendProfile, conversation_key: str | None = None
    ) -> Encoded:
        """
        Return the streaming request for `model`, the name the server knows it by.

        `conversation_key` goes to servers that route by one; it must not tell who the user is.
        """
        ...

    def decoder(self, content_type: str) -> DeltaDecoder:
        """Return a decoder for one answer, by what the server says it is: an event stream or one JSON document."""
        ...

    def read_prompt(self, request: WireRequest) -> Prompt:
        """Return what a request of ours gives the model to read."""
        ...

    def decode_error(
        self, status: int, body: bytes, retry_after_seconds: float | None, profile: BackendProfile
    ) -> BackendError:
        """Return the error that an answer with an error status stands for; `profile` knows which key it would take."""
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
