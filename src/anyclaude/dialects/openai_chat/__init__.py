"""Chat Completions, the language that nearly every model server speaks."""

from anyclaude.dialects.base import DeltaDecoder, Encoded
from anyclaude.errors import BackendError
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.messages_request import MessagesRequest

from .decode import ReplyDecoder
from .encode import encode_request
from .rejections import rejection

__all__ = ["OpenAiChat"]


class OpenAiChat:
    """The `Dialect` of every server with an OpenAI-compatible Chat Completions route."""

    def encode_request(self, request: MessagesRequest, model: str, profile: BackendProfile) -> Encoded:
        """Return the streaming request for `model`."""
        return encode_request(request, model, profile)

    def decoder(self, content_type: str) -> DeltaDecoder:
        """Return a decoder; what kind of answer it is shows in its first byte, so the label is not relied on."""
        return ReplyDecoder()

    def decode_error(
        self, status: int, body: bytes, retry_after_seconds: float | None, profile: BackendProfile | None = None
    ) -> BackendError:
        """Return the error that an answer with an error status stands for."""
        return rejection(status, body, retry_after_seconds, profile)
