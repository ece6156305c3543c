"""The parts of a gateway that its routes use."""

from dataclasses import dataclass

from anyclaude.backends import BackendTarget
from anyclaude.exchange import MessageExchanges, PromptPipeline
from anyclaude.observability import Journal
from anyclaude.prewarm import Prewarmer
from anyclaude.scheduling import Upstream

from .event_writer import StreamTiming


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of one running gateway; mode `claude` has no targets and no upstreams."""

    targets: tuple[BackendTarget, ...]
    upstreams: tuple[Upstream, ...]
    pipeline: PromptPipeline
    exchanges: MessageExchanges
    journal: Journal
    timing: StreamTiming
    prewarmer: Prewarmer | None = None
