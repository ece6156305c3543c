"""
Ask a server's tokenizer about a prompt, without having the prompt evaluated.

All questions are made from the body of the request that is sent, so none of them can differ from it:

* the number of tokens: llama.cpp's `POST /v1/chat/completions/input_tokens`, or vLLM's `POST /tokenize` with messages;
* the text: llama.cpp renders the messages and tools of a request with `POST /apply-template`;
* the tokens of a text: llama.cpp's `POST /tokenize`.

`/apply-template` and both `/tokenize` are at the server's root.
"""

import msgspec

from anyclaude.dialects.base import WireRequest
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.deltas import reported_count
from anyclaude.protocol.json_values import encode_json

from .encode import PATH

PROMPT_FIELDS = ("model", "messages", "tools", "tool_choice", "parallel_tool_calls", "chat_template_kwargs")
"""The fields of a request that decide how many tokens its prompt has, in the order in which it has them."""


class Rendered(msgspec.Struct, frozen=True):
    """The answer of `/apply-template`."""

    prompt: str


class Tokenized(msgspec.Struct, frozen=True):
    """The answer of `/tokenize`."""

    tokens: tuple[int, ...]


class Counted(msgspec.Struct, frozen=True):
    """The answer to the question for the number of tokens; the tokens themselves, which vLLM adds, are not decoded."""

    input_tokens: int | None = None
    """llama.cpp's name."""
    count: int | None = None
    """vLLM's name."""


class OpenAiChatTokenizer:
    """The `TokenizerApi` of servers with a Chat Completions route, as far as a kind of server has one."""

    def __init__(self, profile: BackendProfile) -> None:
        self._profile = profile

    def encode_token_count(self, encoded: WireRequest) -> WireRequest | None:
        """Return the question for the number of tokens in a request's prompt, `None` if the server has no route."""
        match self._profile.token_counting:
            case "llamacpp_input_tokens":
                return _question(encoded, f"{PATH}/input_tokens", _prompt_of(encoded.body))
            case "vllm_tokenize":
                return _question(encoded, "/tokenize", _prompt_of(encoded.body), at_root=True)
            case "estimate":
                return None

    def decode_token_count(self, body: bytes) -> int | None:
        """Return the count in the answer, `None` if there is none."""
        try:
            counted = msgspec.json.decode(body, type=Counted)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return reported_count(counted.count if counted.input_tokens is None else counted.input_tokens)

    def encode_rendering(self, encoded: WireRequest) -> WireRequest | None:
        """Return the question for the text of a request's prompt, where the server also returns its tokens."""
        if self._profile.template_path is None or self._profile.tokenize_path is None:
            return None
        return _question(encoded, self._profile.template_path, encoded.body, at_root=True)

    def decode_rendering(self, body: bytes) -> str | None:
        """Return the text in the answer, `None` if there is none."""
        try:
            return msgspec.json.decode(body, type=Rendered).prompt
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def encode_tokenizing(self, text: str) -> WireRequest | None:
        """Return the question for the tokens of a rendered prompt, which are the ones the engine evaluates."""
        if self._profile.tokenize_path is None:
            return None
        question = encode_json({"content": text, "add_special": True, "parse_special": True})
        return WireRequest(self._profile.tokenize_path, question, accept="application/json", at_root=True)

    def decode_tokenizing(self, body: bytes) -> tuple[int, ...] | None:
        """Return the tokens in the answer, `None` if there are none."""
        try:
            return msgspec.json.decode(body, type=Tokenized).tokens
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


def _question(encoded: WireRequest, path: str, body: bytes, *, at_root: bool = False) -> WireRequest:
    """Return a question about a request, with all or part of its body."""
    return WireRequest(path, body, "application/json", at_root, data=encoded.data)


def _prompt_of(body: bytes) -> bytes:
    """Return the fields of a request that make its prompt, in the bytes in which they are sent."""
    fields = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({name: fields[name] for name in PROMPT_FIELDS if name in fields})
