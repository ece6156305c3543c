"""Say a request in Chat Completions."""

from anyclaude.dialects.base import Encoded
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.messages_request import MessagesRequest


def encode_request(request: MessagesRequest, model: str, profile: BackendProfile) -> Encoded:
    raise NotImplementedError
