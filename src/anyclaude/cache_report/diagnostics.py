"""
Cache diagnostics as Anthropic's API has them: which part of a prompt changed since an earlier reply.

A request opts in with `diagnostics`, and only such requests are remembered, under the id of their reply (docs:
platform.claude.com/docs/en/build-with-claude/cache-diagnostics).  Prompts are compared as the model reads them: a
change that the gateway reverts before it reaches the engine does not count.
"""

from anyclaude.kept_values import KeptValues
from anyclaude.memory_budget import MemoryBudget
from anyclaude.protocol.events import CacheMissReason, Diagnostics
from anyclaude.protocol.memory_size import memory_size
from anyclaude.protocol.prompt import Prompt, first_difference
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN
from anyclaude.scheduling import PreparedRequest

MAX_PROMPTS = 256
MAX_BYTES = 32 * 1024 * 1024
"""About fifty prompts of Claude Code's usual 300 kB, twice that if each has a character that is not Latin; each turn
refers to the previous one."""


class CacheDiagnostics:
    """Compares the prompts of this run that opted in; the oldest are forgotten, as the API forgets them."""

    def __init__(
        self, budget: MemoryBudget | None = None, max_prompts: int = MAX_PROMPTS, max_bytes: int = MAX_BYTES
    ) -> None:
        self._prompts = KeptValues[str, Prompt](
            "prompts with diagnostics",
            budget or MemoryBudget(),
            memory_size,
            max_entries=max_prompts,
            max_bytes=max_bytes,
        )

    def diagnose(self, message_id: str, prepared: PreparedRequest) -> Diagnostics | None:
        """Remember the prompt of a reply, and return the diagnostics of a request that asks for them."""
        wish = prepared.source.request.diagnostics
        return None if wish is None else self.compared(message_id, prepared.prompt, wish.previous_message_id)

    def compared(self, message_id: str, prompt: Prompt, previous_message_id: str | None) -> Diagnostics | None:
        """Remember the prompt of this reply, and return its diagnostics; `None` is the API's null."""
        previous = self._prompts.get(previous_message_id or "")
        self._prompts.keep(message_id, prompt)
        if previous_message_id is None:
            return None
        reason = CacheMissReason("previous_message_not_found") if previous is None else cache_miss(previous, prompt)
        return None if reason is None else Diagnostics(reason)


def cache_miss(before: Prompt, now: Prompt) -> CacheMissReason | None:
    """Return the earliest change: of the model, then the tools, the system prompt, the settings, the messages."""
    if before.model != now.model:
        return CacheMissReason("model_changed", _tokens(before.characters))
    difference = first_difference(before, now)
    section = None if difference is None else difference.section
    lost = 0 if difference is None else _tokens(before.characters - difference.characters)
    match section:
        case "system":
            return CacheMissReason("system_changed", lost)
        case "tools":
            return CacheMissReason("tools_changed", lost)
        case _ if before.settings != now.settings:
            return CacheMissReason("unavailable")
        case "messages":
            return CacheMissReason("messages_changed", lost)
        case None:
            return None


def _tokens(characters: int) -> int:
    """Estimate from the length alone, as the API does."""
    return round(characters / CHARACTERS_PER_TOKEN)
