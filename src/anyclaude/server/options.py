"""What may be chosen about a gateway."""

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
    """The options of one gateway; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    listening_socket: socket | None = None
    """A socket that listens already; then `port` is not used."""
    token: Secret | None = None
    forward_to: str | None = None
    """The origin to which mode `claude` forwards every request unchanged; then there are no targets, and no token."""
    allowed_origins: frozenset[str] = frozenset()
    memory_file: Path | None = None
    """The file in which raw tool calls outlive the gateway; `None` keeps them for this run."""
    prompts_folder: Path | None = None
    """The folder for findings about prompts and the engine's cache; `None` analyses none."""
    stored_prompts: int = STORED_PROMPTS
    """The number of whole prompts stored there; 0 stores no text of any."""
    diet: Diet = "full"
    """How much of the client's own text a prompt keeps on its way to the backend."""
    allowed_tools: frozenset[str] | None = None
    """The tools that the model is offered, by name or pattern; `None` for all."""
    prewarm: PrewarmOptions = PrewarmOptions()
    """What lets a session begin warm; by default nothing."""
    filters: Sequence[FilterFactory] = ()
    """Applied to every reply between its decoder and the message stream, in order."""
    queue_limit: int = QUEUE_LIMIT
    grace_seconds: float = 30.0
    """How long running replies may take to end when the gateway stops."""
    timeouts: Timeouts = Timeouts()
    timing: StreamTiming = StreamTiming()
    limits: Limits = Limits()
    reattach_policy: ReattachPolicy = ReattachPolicy()
