"""The options of a gateway."""

from collections.abc import Sequence
from pathlib import Path
from socket import socket

from msgspec import Struct

from anyclaude.bounds import QUEUE_LIMIT, STORED_PROMPTS
from anyclaude.exchange import ReattachPolicy
from anyclaude.filters import FilterFactory
from anyclaude.prewarm import PrewarmOptions
from anyclaude.secret import Secret
from anyclaude.timeouts import Timeouts
from anyclaude.transforms import Diet

from .event_writer import StreamTiming
from .limits import Limits


class GatewayOptions(Struct, frozen=True, kw_only=True):
    """The options of one gateway; port 0 selects a free port."""

    host: str = "127.0.0.1"
    port: int = 0
    listening_socket: socket | None = None
    """A socket that is already listening; `port` is then ignored."""
    token: Secret | None = None
    forward_to: str | None = None
    """The origin to which mode `claude` forwards every request unchanged; then there are no targets, and no token."""
    allowed_origins: frozenset[str] = frozenset()
    memory_file: Path | None = None
    """The file that keeps raw tool calls for the next run; `None` keeps them in memory only."""
    prompts_folder: Path | None = None
    """The folder for findings about prompts and the engine's cache; `None` switches the analysis off."""
    stored_prompts: int = STORED_PROMPTS
    """The number of whole prompts stored there; with 0 no text of a prompt is stored."""
    diet: Diet = "full"
    """How much of the client's own text the backend receives."""
    allowed_tools: frozenset[str] | None = None
    """The tools that the model is offered, by name or pattern; `None` for all."""
    prewarm: PrewarmOptions = PrewarmOptions()
    """How sessions are prewarmed; by default they are not."""
    filters: Sequence[FilterFactory] = ()
    """Applied to every reply between its decoder and the message stream, in order."""
    queue_limit: int = QUEUE_LIMIT
    grace_seconds: float = 30.0
    """How long running replies may continue when the gateway stops."""
    timeouts: Timeouts = Timeouts()
    timing: StreamTiming = StreamTiming()
    limits: Limits = Limits()
    reattach_policy: ReattachPolicy = ReattachPolicy()
