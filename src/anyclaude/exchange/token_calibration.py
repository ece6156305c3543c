"""
What the engines' token counts reveal about the prompts that they have not counted.

Each reply reports the tokens of a prompt whose weight is known.  Two things are kept of it: the weight per token of the
model, over its latest prompts, and the count itself for the conversation it belongs to.  The prompt of the
conversation's next request has that count and an estimate of what was added, which is much less than the whole.
"""

from typing import TypeAlias

from msgspec import Struct

from anyclaude.bounded_dict import BoundedDict, bounded_key
from anyclaude.protocol.content import Content, ImageBlock, ToolResultBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN, prompt_characters
from anyclaude.protocol.prompt_weight import PromptWeight
from anyclaude.scheduling.upstream import PreparedRequest

from .events import ExchangeEnded, ExchangeListener

MAX_CONVERSATIONS = 256
"""A few numbers for each; a day's sub-agents fit."""

MAX_MODELS = 64
"""More than any machine's servers have in use at a time."""

MIN_WEIGHT = 400
"""Of the prompts that reveal the weight of a token: shorter ones are mostly the chat template's own tokens."""

TOKEN_WEIGHTS = (1.0, 10.0)
"""The range for whole prompts, which have 1.7 to 6 (`protocol.prompt_weight`).  Below are prompts with other content
than text; above are counts of a part of the prompt."""

MIN_SHARE = 0.9
"""A longer prompt of a conversation has at least this share of the earlier one's tokens; a count below it is of a
part, such as what was not cached, or what was left by a truncation."""

KEPT_SHARE = 0.75
"""The share of the earlier prompts of a model when another is counted: the latest four or so decide."""

Model: TypeAlias = tuple[str, str]
"""The address of a server, and its name for the model."""


class TokenEstimate(Struct, frozen=True):
    """The estimated tokens of a prompt, and whether they follow from the model's own counts."""

    tokens: int
    is_calibrated: bool


class WeighedPrompt(Struct, frozen=True):
    """The last prompt of a conversation that the engine has counted, and what it weighs."""

    model: Model
    beginning: int
    """The weight of its beginning: a prompt of the same conversation with another beginning has been rewritten."""
    weight: int
    characters: int
    tokens: int

    @property
    def reveals_token_weight(self) -> bool:
        """Whether its tokens are those of its text."""
        return self.weight >= MIN_WEIGHT and self.weight >= TOKEN_WEIGHTS[0] * self.tokens


class Rate(Struct, frozen=True):
    """The weight and the tokens of a model's latest prompts, of which the last ones count most."""

    weight: float
    tokens: float

    @property
    def weight_per_token(self) -> float:
        """The quotient; a prompt without tokens is never kept."""
        return self.weight / self.tokens

    def with_prompt(self, counted: WeighedPrompt) -> "Rate":
        """Return the rate with one more prompt."""
        return Rate(KEPT_SHARE * self.weight + counted.weight, KEPT_SHARE * self.tokens + counted.tokens)


class TokenCalibration(ExchangeListener):
    """Estimates the tokens of prompts by the counts that the engines reported."""

    def __init__(self) -> None:
        self._weight = PromptWeight()
        self._counted = BoundedDict[str, WeighedPrompt](MAX_CONVERSATIONS)
        self._rates = BoundedDict[Model, Rate](MAX_MODELS)
        self._latest_rate: Rate | None = None

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Learn from the count of a prompt that the model has read whole."""
        tokens = event.reported.input_tokens
        if event.sent is None or not tokens or event.outcome != "completed" or event.record.continuations:
            return
        conversation, request = event.sent.source.conversation, event.sent.source.request
        counted = self._measured(event.sent, tokens)
        last = self._counted.get(conversation)
        if counted.weight > TOKEN_WEIGHTS[1] * tokens or (last is not None and _is_of_a_part(counted, last)):
            return
        self._counted[conversation] = counted
        if counted.reveals_token_weight and not _has_images(request):
            before = self._rates.get(counted.model, Rate(0.0, 0.0))
            self._rates[counted.model] = self._latest_rate = before.with_prompt(counted)

    def estimate(self, prepared: PreparedRequest) -> TokenEstimate:
        """Return the estimated tokens of a prompt, at least one."""
        prompt = self._measured(prepared, tokens=0)
        last = self._counted.get(prepared.source.conversation)
        rate = self._rates.get(prompt.model)
        weight_per_token = CHARACTERS_PER_TOKEN if rate is None else rate.weight_per_token
        if last is not None and _begins_alike(prompt, last):
            added = (prompt.weight - last.weight) / weight_per_token
            return TokenEstimate(max(round(last.tokens + added), 1), is_calibrated=True)
        return TokenEstimate(max(round(prompt.weight / weight_per_token), 1), is_calibrated=rate is not None)

    def characters_per_token(self, conversation: str) -> float:
        """Return those of a conversation's last prompt; if it has none, the weight per token of the latest model."""
        last = self._counted.get(conversation)
        if last is not None and last.reveals_token_weight:
            return last.characters / last.tokens
        latest = self._latest_rate  # in one step: a thread may ask while the event loop learns
        return CHARACTERS_PER_TOKEN if latest is None else latest.weight_per_token

    def _measured(self, prepared: PreparedRequest, tokens: int) -> WeighedPrompt:
        request = prepared.source.request
        return WeighedPrompt(
            model=(prepared.target.address, bounded_key(prepared.model)),
            beginning=self._weight.of_beginning(request),
            weight=self._weight(request),
            characters=prompt_characters(request),
            tokens=tokens,
        )


def _is_of_a_part(counted: WeighedPrompt, last: WeighedPrompt) -> bool:
    """Return whether a count is too low for a prompt that extends an earlier one."""
    is_longer = counted.weight >= last.weight
    return is_longer and counted.tokens < MIN_SHARE * last.tokens and _begins_alike(counted, last)


def _begins_alike(one: WeighedPrompt, other: WeighedPrompt) -> bool:
    return (one.model, one.beginning) == (other.model, other.beginning)


def _has_images(request: MessagesRequest) -> bool:
    return any(_shows_image(turn.content) for turn in request.messages)


def _shows_image(content: Content) -> bool:
    return any(
        isinstance(block, ImageBlock)
        or (isinstance(block, ToolResultBlock) and block.content is not None and _shows_image(block.content))
        for block in blocks_of(content)
    )
