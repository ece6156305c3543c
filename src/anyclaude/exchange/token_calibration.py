"""
What the engines' token counts reveal about the prompts that they have not counted.

Each reply reports the tokens of a prompt whose characters are known.  Two things are kept of it: the characters per
token of the model, over its latest prompts, and the count itself for the conversation it belongs to.  The prompt of the
conversation's next request is that count and an estimate of what was added, which is much less than the whole.
"""

from collections import OrderedDict
from typing import TypeAlias, TypeVar

from msgspec import Struct

from anyclaude.protocol.content import Content, ImageBlock, ToolResultBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN, prompt_characters
from anyclaude.scheduling.upstream import PreparedRequest

from .events import ExchangeEnded, ExchangeListener

MAX_CONVERSATIONS = 256
"""The last prompt of each is kept by reference; a day's sub-agents fit."""

MAX_MODELS = 64
"""More than any machine's servers have in use at a time."""

PLAUSIBLE = (0.25, 8.0)
"""Characters per token.  Below are short prompts, which are mostly the template's own tokens; scripts that a vocabulary
lacks have three tokens for a character.  Above are counts of a part of the prompt: Claude Code's have 3.7 to 4.4."""

MIN_SHARE = 0.9
"""A longer prompt of a conversation has at least this share of the earlier one's tokens; a count below it is of a
part, such as what was not cached, or what was left by a truncation."""

KEPT_WEIGHT = 0.75
"""The weight of the earlier prompts of a model when another is counted: the latest four or so decide."""

K = TypeVar("K")
V = TypeVar("V")

Model: TypeAlias = tuple[str, str]
"""The address of a server, and its name for the model."""


class TokenEstimate(Struct, frozen=True):
    """The estimated tokens of a prompt, and whether they follow from the model's own counts."""

    tokens: int
    is_calibrated: bool


class CountedPrompt(Struct, frozen=True):
    """The last prompt of a conversation that the engine has counted."""

    model: Model
    request: MessagesRequest
    characters: int
    tokens: int


NOTHING_COUNTED = CountedPrompt(("", ""), MessagesRequest(model="", max_tokens=0, messages=()), 0, 0)


class Rate(Struct, frozen=True):
    """The characters and the tokens of a model's latest prompts, weighted."""

    characters: float
    tokens: float

    @property
    def characters_per_token(self) -> float:
        """The quotient; a prompt without tokens is never kept."""
        return self.characters / self.tokens

    def with_prompt(self, counted: CountedPrompt) -> "Rate":
        """Return the rate with one more prompt."""
        return Rate(
            KEPT_WEIGHT * self.characters + counted.characters,
            KEPT_WEIGHT * self.tokens + counted.tokens,
        )


class TokenCalibration(ExchangeListener):
    """Estimates the tokens of prompts by the counts that the engines reported."""

    def __init__(self) -> None:
        self._counted: OrderedDict[str, CountedPrompt] = OrderedDict()
        self._rates: OrderedDict[Model, Rate] = OrderedDict()

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Learn from the count of a prompt that the model has read whole."""
        tokens = event.reported.input_tokens
        if event.sent is None or not tokens or event.outcome != "completed" or event.record.continuations:
            return
        source = event.sent.source
        counted = CountedPrompt(_model(event.sent), source.request, prompt_characters(source.request), tokens)
        last = self._counted.get(source.conversation)
        if counted.characters > PLAUSIBLE[1] * tokens or (last is not None and _is_of_a_part(counted, last)):
            return
        _keep(self._counted, source.conversation, counted, MAX_CONVERSATIONS)
        if counted.characters >= PLAUSIBLE[0] * tokens and not _has_images(source.request):
            before = self._rates.get(counted.model, Rate(0.0, 0.0))
            _keep(self._rates, counted.model, before.with_prompt(counted), MAX_MODELS)

    def estimate(self, prepared: PreparedRequest) -> TokenEstimate:
        """Return the estimated tokens of a prompt, at least one."""
        request, model = prepared.source.request, _model(prepared)
        rate = self._rates.get(model)
        characters_per_token = CHARACTERS_PER_TOKEN if rate is None else rate.characters_per_token
        last = self._counted.get(prepared.source.conversation)
        if last is None or last.model != model or not _begins_alike(request, last.request):
            last = NOTHING_COUNTED
        added = (prompt_characters(request) - last.characters) / characters_per_token
        is_calibrated = rate is not None or last is not NOTHING_COUNTED
        return TokenEstimate(max(round(last.tokens + added), 1), is_calibrated)

    def characters_per_token(self, conversation: str) -> float:
        """Return those of a conversation's last prompt; if it has none, of the latest prompts of any conversation."""
        last = self._counted.get(conversation)
        if last is not None and last.characters >= PLAUSIBLE[0] * last.tokens:
            return last.characters / last.tokens
        latest = next(reversed(self._rates.values()), None)
        return CHARACTERS_PER_TOKEN if latest is None else latest.characters_per_token


def _model(prepared: PreparedRequest) -> Model:
    return prepared.upstream.backend.target.address, prepared.model


def _is_of_a_part(counted: CountedPrompt, last: CountedPrompt) -> bool:
    """Return whether a count is too low for a prompt that extends an earlier one."""
    is_longer = counted.characters >= last.characters and counted.model == last.model
    return is_longer and counted.tokens < MIN_SHARE * last.tokens and _begins_alike(counted.request, last.request)


def _begins_alike(one: MessagesRequest, other: MessagesRequest) -> bool:
    """Return whether two requests are of one conversation, judging by how they begin."""
    return one.messages[0] == other.messages[0] and one.system == other.system and one.tools == other.tools


def _has_images(request: MessagesRequest) -> bool:
    return any(_shows_image(turn.content) for turn in request.messages)


def _shows_image(content: Content) -> bool:
    return any(
        isinstance(block, ImageBlock)
        or (isinstance(block, ToolResultBlock) and block.content is not None and _shows_image(block.content))
        for block in blocks_of(content)
    )


def _keep(values: OrderedDict[K, V], key: K, value: V, limit: int) -> None:
    values[key] = value
    values.move_to_end(key)
    if len(values) > limit:
        values.popitem(last=False)
