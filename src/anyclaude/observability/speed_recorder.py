"""Remembers how fast servers evaluate prompts, as their engines report it after each reply."""

from anyclaude.backends import EvaluationSpeeds
from anyclaude.exchange import ExchangeEnded, ExchangeListener


class SpeedRecorder(ExchangeListener):
    """Keeps each report in `speeds`, if the engine counts what it had in its cache."""

    def __init__(self, speeds: EvaluationSpeeds) -> None:
        self._speeds = speeds

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Keep what was reported of one prompt; the sums of a continued reply are those of several."""
        usage, sent = event.reported, event.sent
        if sent is None or event.record.continuations or usage.prefill_seconds is None:
            return
        if usage.input_tokens is None or usage.cached_tokens is None:
            return
        evaluated = usage.input_tokens - usage.cached_tokens
        self._speeds.remember(sent.target, sent.model, usage.cached_tokens, evaluated, usage.prefill_seconds)
