"""
The weight of a prompt: characters, each counted for as much as tokenizers make of it.

Prose, code and JSON of ASCII letters have about four characters per token in every vocabulary; other texts do not.
Measured with Qwen2.5's vocabulary, in characters per token: Python 4.2, this project's documentation 4.3, but a log
1.9, a table of numbers 1.1, Chinese 1.7, Russian 3.2.  By weight: 4.4, 4.4, 3.5, 3.4, 4.8, 5.9.
"""

from .characters import content_size, json_size
from .content import ContentBlock, TextBlock, blocks_of
from .identity_cache import IdentityFacts
from .messages_request import MessagesRequest, Tool, Turn

DIGITS = "0123456789"

SLICE = 256 * 1024
"""Characters that are looked at in one call."""

DIGIT_WEIGHT = 4
"""A digit is a token of its own in the vocabularies of Qwen, Gemma, Mistral and SmolLM."""


def text_weight(text: str) -> int:
    """Return the length in UTF-8, with digits for four: bytes are what a vocabulary's tokens are made of."""
    size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
    starts = range(0, len(text), SLICE)  # so that other threads can run
    return size + (DIGIT_WEIGHT - 1) * sum(text.count(digit, at, at + SLICE) for at in starts for digit in DIGITS)


class PromptWeight:
    """Weighs prompts; what was weighed is cached, because requests repeat their instructions, tools and turns."""

    def __init__(self) -> None:
        self._of_text = IdentityFacts[TextBlock, int](_block_weight)
        self._of_turn = IdentityFacts(turn_weight)
        self._of_tool = IdentityFacts(_tool_weight)

    def __call__(self, request: MessagesRequest) -> int:
        """Return the weight of everything that the model reads."""
        return self.of_beginning(request) + sum(map(self._of_turn, request.messages[1:]))

    def of_beginning(self, request: MessagesRequest) -> int:
        """Return the weight of what the prompts of a conversation begin with: instructions, tools, first message."""
        system = sum(map(self._of_block, blocks_of(request.system)))  # which is text, but for a client's mistake
        return system + sum(map(self._of_tool, request.tools)) + sum(map(self._of_turn, request.messages[:1]))

    def _of_block(self, block: ContentBlock) -> int:
        return self._of_text(block) if isinstance(block, TextBlock) else _block_weight(block)


def _block_weight(block: ContentBlock) -> int:
    return content_size((block,), text_weight)


def turn_weight(turn: Turn) -> int:
    """Return the weight of one turn."""
    return content_size(turn.content, text_weight)


def _tool_weight(tool: Tool) -> int:
    return text_weight(tool.name) + text_weight(tool.description) + json_size(tool.input_schema, text_weight)
