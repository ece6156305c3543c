"""The parts of a gateway that its routes use."""

from dataclasses import dataclass

from anyclaude.backends import BackendTarget
from anyclaude.exchange import MessageExchanges, PromptPipeline, TokenCalibration
from anyclaude.observability.journal import Journal
from anyclaude.prewarm import Prewarmer
from anyclaude.scheduling import TokenCounter, Upstream

from .options import Limits, StreamTiming


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of one running gateway; mode `claude` has no targets and no upstreams."""

    targets: tuple[BackendTarget, ...]
    upstreams: tuple[Upstream, ...]
    pipeline: PromptPipeline
    exchanges: MessageExchanges
    token_counter: TokenCounter
    calibration: TokenCalibration
    journal: Journal
    timing: StreamTiming
    limits: Limits
    prewarmer: Prewarmer | None = None
