"""What the prompts of a conversation begin with, as a digest: a prompt is recognised without being kept."""

from hashlib import blake2b

import msgspec

from .content import ContentBlock, TextBlock, blocks_of
from .identity_cache import IdentityFacts
from .messages_request import MessagesRequest, Tool, Turn

DIGEST_BYTES = 16


class PromptBeginning:
    """Digests instructions, tools and first message; those of their parts are cached, because requests repeat them."""

    def __init__(self) -> None:
        self._of_text = IdentityFacts[TextBlock, bytes](_digest)
        self._of_tool = IdentityFacts[Tool, bytes](_digest)
        self._of_turn = IdentityFacts[Turn, bytes](_digest)

    def __call__(self, request: MessagesRequest) -> bytes:
        """Return the digest: equal for requests whose beginnings are equal, and for no others."""
        system = [self._of_block(block) for block in blocks_of(request.system)]
        tools = [self._of_tool(tool) for tool in request.tools]
        return _digest((len(system), system, tools, self._of_turn(request.messages[0])))

    def _of_block(self, block: ContentBlock) -> bytes:
        return self._of_text(block) if isinstance(block, TextBlock) else _digest(block)


def _digest(value: object) -> bytes:
    return blake2b(msgspec.json.encode(value, order="sorted"), digest_size=DIGEST_BYTES).digest()
