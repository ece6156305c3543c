"""
What is done about a model that repeats its tool calls.

Three steps, at numbers of identical rounds that count back from the last one.  First the model is told, beside the
result that it has got again.  If it repeats the calls nevertheless, its next reply is sampled with a higher
temperature.  If that does not help either, the turn ends with a sentence to the user, and the model is not asked again.

The note is derived from the rounds before it, so every later request has it in the same place, and the prompt's prefix
does not change.  Only the temperature is raised.  Penalties for repeated tokens would not reach the earlier calls, or
reach too far: llama.cpp applies them to the last 64 tokens of prompt and reply, unless told otherwise
(ggml-org/llama.cpp, tools/server/README.md, `repeat_last_n`), and vLLM's `frequency_penalty` to the reply alone
(vllm-project/vllm, vllm/sampling_params.py).  Applied to a whole prompt, they would change what must be repeated
exactly: names, paths, and the syntax of JSON.
"""

from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.claude_code import REMINDER_END, REMINDER_START
from anyclaude.protocol.content import ContentBlock, TextBlock, ToolResultBlock, ToolUseBlock, blocks_of
from anyclaude.protocol.identity_cache import IdentityCache
from anyclaude.protocol.json_values import encode_json
from anyclaude.protocol.messages_request import MessagesRequest, Turn

from .base import PromptContext
from .repetition import Repetition, RepetitionFinder

Measure: TypeAlias = Literal["told", "resampled", "ended"]

FEWEST_ROUNDS = 4
"""With fewer, there would be no round for each of the three measures after the first repetition."""

TEMPERATURE = 1.0
"""The API's default.  Servers use less where the client sets nothing, as it does for main conversations: 0.8
(llama.cpp), 0.7 for Qwen's models (their `generation_config.json`, which vLLM applies)."""

MAX_INPUT_CHARACTERS = 200
"""Of a call's input in a sentence: a path or a command is shown whole, the content of a file is not."""

MAX_CALLS = 4
"""Of a round's calls in a sentence; the others are counted."""


class RepeatedCalls(Struct, frozen=True):
    """The calls that a model repeated, and what was done, for the journal."""

    tools: tuple[str, ...]
    rounds: int
    measure: Measure


class RepetitionNote:
    """Tells the model what it repeats, and raises the temperature if it repeats it nevertheless."""

    name = "repeated calls"

    def __init__(self, finder: RepetitionFinder) -> None:
        self._finder = finder
        self._noted = IdentityCache(_with_note)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with a note beside each result that completed as many rounds as the model is told of."""
        limit = context.repeated_calls
        if not limit:
            return request
        turns = self._turns(request, limit)
        last = self._finder.at_end(request.messages)
        if last is not None and measure_for(last, limit) == "resampled":
            request = replace(request, temperature=max(request.temperature or 0.0, TEMPERATURE))
        return request if turns == request.messages else replace(request, messages=turns)

    def _turns(self, request: MessagesRequest, limit: int) -> tuple[Turn, ...]:
        turns, was_told = list(request.messages), False
        for position, repetition in self._finder.repetitions(request.messages):
            if repetition is None:
                continue
            is_told = repetition.rounds >= _told_at(limit)
            if is_told and not was_told:
                turns[position] = self._noted(turns[position], note(repetition))
            was_told = is_told
        return tuple(turns)


def measure_for(repetition: Repetition, limit: int) -> Measure | None:
    """Return what is done about a repetition at the end of a conversation; with the limit 0, nothing."""
    if limit == 0:
        return None
    missing = max(limit, FEWEST_ROUNDS) - repetition.rounds
    if missing <= 0:
        return "ended"
    measures: dict[int, Measure] = {1: "resampled", 2: "told"}
    return measures.get(missing)


def recorded(repetition: Repetition, measure: Measure) -> RepeatedCalls:
    """Return the journal's entry for a repetition."""
    return RepeatedCalls(tuple(call.name for call in repetition.calls), repetition.rounds, measure)


def note(repetition: Repetition) -> str:
    """Return what the model is told, in the form of the client's own reminders."""
    text = (
        f"You have now made {_counted(repetition)}. It will be the same again. Do something else: use other arguments "
        "or another tool, or tell the user what you have found and what is missing."
    )
    return f"{REMINDER_START}\n{text}\n{REMINDER_END}"


def ending(repetition: Repetition, limit: int) -> str:
    """Return what the user is told when the turn ends."""
    return (
        f"anyclaude ended this turn: the model has made {_counted(repetition)}. Say how to go on, or choose another "
        f"model. The setting repeated_calls (now {limit}) is how often it may do so; 0 sets no limit."
    )


def _counted(repetition: Repetition) -> str:
    calls = "; ".join(map(_described, repetition.calls[:MAX_CALLS]))
    more = len(repetition.calls) - MAX_CALLS
    listed = f"{calls}; and {more} more" if more > 0 else calls
    if repetition.known_rounds:
        times = f"{repetition.known_rounds} times in a row"
        return f"calls that only repeat earlier ones, {times}, each with the same result as before: {listed}"
    one = "the same call" if len(repetition.calls) == 1 else "the same calls"
    return f"{one} {repetition.rounds} times in a row, each time with the same result: {listed}"


def _described(call: ToolUseBlock) -> str:
    text = encode_json(call.input).decode()
    return f"{call.name} {text if len(text) <= MAX_INPUT_CHARACTERS else text[:MAX_INPUT_CHARACTERS] + '…'}"


def _told_at(limit: int) -> int:
    return max(limit, FEWEST_ROUNDS) - 2


def _with_note(turn: Turn, text: str) -> Turn:
    """Return the turn with a note after its last result: the client may add to the end of a turn that was sent."""
    blocks = blocks_of(turn.content)
    after = 1 + max(place for place, block in enumerate(blocks) if isinstance(block, ToolResultBlock))
    added: ContentBlock = TextBlock(text)
    if added in blocks[after : after + 1]:
        return turn
    return replace(turn, content=(*blocks[:after], added, *blocks[after:]))
