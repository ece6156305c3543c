"""What makes a server hard to work with: each function wraps a script in another one."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from tests.parts.chat_reply import Refusal, Reply, Reset, Say, Usage, refuse, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Answer, Script
from tests.parts.chat_server import prompt_tokens, tokens_by_length
from tests.parts.refusing_backend import Refused

Overflow: TypeAlias = Callable[[int, int], Answer]
"""Answers a prompt that is too long: given its tokens, and the window."""


def in_window(
    script: Script, tokens: int, overflow: Overflow, tokens_of: Callable[[str], int] = tokens_by_length
) -> Script:
    """Answer a prompt beyond this window by `overflow`."""

    def answer(request: ChatRequest) -> Answer:
        prompt = prompt_tokens(request, tokens_of)
        return overflow(prompt, tokens) if prompt > tokens else script(request)

    return answer


def refused_by_llamacpp(tokens: int, window: int) -> Answer:
    """Return what llama.cpp says (tools/server/server-context.cpp)."""
    words = f"request ({tokens} tokens) exceeds the available context size ({window} tokens), try increasing it"
    more = {"n_prompt_tokens": tokens, "n_ctx": window}
    return Refusal(400, {"error": {"code": 400, "message": words, "type": "exceed_context_size_error", **more}})


def refused_by_vllm(tokens: int, window: int) -> Answer:
    """Return what vLLM says (vllm/entrypoints/openai)."""
    return refuse(
        400,
        f"This model's maximum context length is {window} tokens. However, your request has {tokens} input tokens. "
        "Please reduce the length of the input messages.",
        "BadRequestError",
    )


def truncated_by_ollama(tokens: int, window: int) -> Answer:
    """Return a reply to half of the prompt (Ollama issue 17427)."""
    return reply(say("Which files do you mean?"), usage=Usage(window // 2 + 2, 6))


def ignored_by_lmstudio(tokens: int, window: int) -> Answer:
    """Return an empty reply (LM Studio bug tracker 2339)."""
    return reply(usage=Usage(tokens, 0))


CALLS_WITHOUT_PARSER = Refused(
    lambda body: "tools" in body and body.get("tool_choice") in (None, "auto"),
    '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
)
"""What a vLLM refuses that was started without a parser for tool calls."""


def refusing(script: Script, refusals: Sequence[Refused]) -> Script:
    """Refuse these things, the first of them that is in a request."""

    def answer(request: ChatRequest) -> Answer:
        refused = next((refused for refused in refusals if refused.is_in(request.raw)), None)
        return script(request) if refused is None else refuse(refused.status, refused.words)

    return answer


def breaking_off(script: Script, turn: int) -> Script:
    """Break off the reply of one turn, in the middle of its text, the first time that it is given."""
    broken: list[ChatRequest] = []

    def answer(request: ChatRequest) -> Answer:
        whole = script(request)
        if broken or request.turns_taken != turn or not isinstance(whole, Reply):
            return whole
        text = next(part.text for part in whole.parts if isinstance(part, Say))
        broken.append(request)
        return reply(say(text[: len(text) * 4 // 5]), Reset())

    return answer


def dying(script: Script, turn: int, has_died: asyncio.Event) -> Script:
    """Reset the connection of every request from one turn on, and say so: the server dies."""

    def answer(request: ChatRequest) -> Answer:
        if request.turns_taken < turn:
            return script(request)
        has_died.set()
        return reply(Reset())

    return answer
