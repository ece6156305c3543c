"""Chat Completions, the language of nearly every model server."""

from collections.abc import Callable, Sequence

from anyclaude.dialects.base import DeltaDecoder, Dialect, Encoded, TokenizerApi, WireRequest
from anyclaude.dialects.earlier_replies import EarlierReplies
from anyclaude.errors import BackendError, BackendRejected
from anyclaude.profiles import Amendment, BackendProfile
from anyclaude.protocol.messages_request import MessagesRequest, Tool
from anyclaude.protocol.prompt import Prompt
from anyclaude.tool_schemas import names_by_wire_name

from .amending import amendment_for
from .decode import ReplyDecoder
from .encode import encode_request
from .prompt import read_prompt
from .rejections import rejection
from .tokens import OpenAiChatTokenizer

__all__ = ["DIALECT", "TOKENIZER", "OpenAiChat", "OpenAiChatTokenizer"]


class OpenAiChat:
    """The `Dialect` of every server with an OpenAI-compatible Chat Completions route."""

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
        """Return the streaming request for `model`."""
        return encode_request(
            request, model, profile, conversation_key, avoids_repetition=avoids_repetition, origin=origin
        )

    def decoder(
        self, content_type: str, tools: Sequence[Tool] = (), earlier_replies: EarlierReplies | None = None
    ) -> DeltaDecoder:
        """Return a decoder; it recognises the kind of reply by its first byte, so the content type is not used."""
        return ReplyDecoder(names_by_wire_name(tools), earlier_replies)

    def read_prompt(self, request: WireRequest) -> Prompt:
        """Return the prompt in the body of an encoded request."""
        return read_prompt(request.body)

    def decode_error(
        self, status: int, body: bytes, retry_after_seconds: float | None, profile: BackendProfile
    ) -> BackendError:
        """Return the error for a reply with an error status."""
        return rejection(status, body, retry_after_seconds, profile)

    def amendment_for(
        self, refusal: BackendRejected, request: WireRequest, profile: BackendProfile
    ) -> Amendment | None:
        """Return how to change `profile` so that the server accepts what it has refused."""
        return amendment_for(refusal, request, profile)


DIALECT: Dialect = OpenAiChat()

TOKENIZER: Callable[[BackendProfile], TokenizerApi] = OpenAiChatTokenizer
