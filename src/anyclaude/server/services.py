"""The parts of a gateway that its routes use."""

from dataclasses import dataclass

from anyclaude.backends import BackendTarget
from anyclaude.exchange import MessageExchanges, PromptPipeline, TokenCalibration
from anyclaude.memory_budget import MemoryBudget
from anyclaude.observability.journal import Journal
from anyclaude.prewarm import Prewarmer
from anyclaude.scheduling import TokenCounter, Upstream
from anyclaude.worker_threads import RequestWorkers

from .bodies import Bodies
from .options import Limits, StreamTiming
from .stopping import Stopping


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of one running gateway; mode `claude` has no upstreams."""

    upstreams: tuple[Upstream, ...]
    pipeline: PromptPipeline
    exchanges: MessageExchanges
    token_counter: TokenCounter
    calibration: TokenCalibration
    journal: Journal
    budget: MemoryBudget
    timing: StreamTiming
    limits: Limits
    workers: RequestWorkers
    bodies: Bodies
    stopping: Stopping
    prewarmer: Prewarmer | None = None

    @property
    def targets(self) -> tuple[BackendTarget, ...]:
        """What the servers run at present."""
        return tuple(upstream.backend.target for upstream in self.upstreams)

    @property
    def unready_because(self) -> str | None:
        """Why no server can answer a request at present, `None` if one can."""
        reasons = [upstream.unready_because for upstream in self.upstreams]
        return None if not reasons or None in reasons else reasons[0]
