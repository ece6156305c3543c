"""Chat Completions, the language that nearly every model server speaks."""

from anyclaude.dialects.base import DeltaDecoder, Encoded, WireRequest
from anyclaude.errors import BackendError
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt import Prompt

from .decode import ReplyDecoder, decode_token_count
from .encode import encode_request, encode_token_count
from .prompt import read_prompt
from .rejections import rejection
from .tokens import decode_rendering, decode_tokenizing, encode_rendering, encode_tokenizing

__all__ = ["OpenAiChat"]


class OpenAiChat:
    """The `Dialect` of every server with an OpenAI-compatible Chat Completions route."""

    def encode_request(
        self, request: MessagesRequest, model: str, profile: BackendProfile, conversation_key: str | None = None
    ) -> Encoded:
        """Return the streaming request for `model`."""
        return encode_request(request, model, profile, conversation_key)

    def decoder(self, content_type: str) -> DeltaDecoder:
        """Return a decoder; what kind of answer it is shows in its first byte, so the label is not relied on."""
        return ReplyDecoder()

    def encode_token_count(self, request: MessagesRequest, model: str, profile: BackendProfile) -> WireRequest | None:
        """Return the question how many tokens the prompt has, `None` for a server that cannot be asked."""
        return encode_token_count(request, model, profile)

    def decode_token_count(self, body: bytes) -> int | None:
        """Return the count in the answer to that question."""
        return decode_token_count(body)

    def read_prompt(self, request: WireRequest) -> Prompt:
        """Return what a request of ours gives the model to read."""
        return read_prompt(request.body)

    def encode_rendering(self, request: WireRequest, profile: BackendProfile) -> WireRequest | None:
        """Return the question for the text of a request's prompt, `None` for a server that cannot be asked."""
        return encode_rendering(request.body, profile)

    def decode_rendering(self, body: bytes) -> str | None:
        """Return the text in the answer to that question."""
        return decode_rendering(body)

    def encode_tokenizing(self, text: str, profile: BackendProfile) -> WireRequest | None:
        """Return the question for the tokens of such a text."""
        return encode_tokenizing(text, profile)

    def decode_tokenizing(self, body: bytes) -> tuple[int, ...] | None:
        """Return the tokens in the answer to that question."""
        return decode_tokenizing(body)

    def decode_error(
        self, status: int, body: bytes, retry_after_seconds: float | None, profile: BackendProfile
    ) -> BackendError:
        """Return the error that an answer with an error status stands for."""
        return rejection(status, body, retry_after_seconds, profile)
