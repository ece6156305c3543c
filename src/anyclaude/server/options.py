"""The options of a gateway, with its limits and its timing."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from socket import socket
from typing import TypeAlias

from msgspec import Struct

from anyclaude.backends import BackendTarget
from anyclaude.bounds import QUEUE_LIMIT, REPEATED_CALLS, STORED_PROMPTS
from anyclaude.diet import Diet
from anyclaude.exchange import ReattachPolicy
from anyclaude.filters import FilterFactory
from anyclaude.memory_budget import MEMORY_BUDGET
from anyclaude.network import DIRECT, Way
from anyclaude.prewarm import PrewarmOptions
from anyclaude.secret import Secret
from anyclaude.timeouts import Timeouts
from anyclaude.tool_calls import DEFAULT_TOOL_CALLS, ToolCalls
from anyclaude.web.options import WebOptions

AskForTarget: TypeAlias = Callable[[BackendTarget], Awaitable[BackendTarget]]
"""Asks a server what it runs, given what was known of it; raises `AnyclaudeError` if it cannot be used."""


class StreamTiming(Struct, frozen=True):
    """
    How long the status is held, and how long a silence may last before a ping, in seconds.

    `stopped_seconds`: how long a client may leave what it was sent unread while others wait for the server.
    """

    commit_seconds: float = 5.0
    ping_seconds: float = 10.0
    stopped_seconds: float = 60.0


class Limits(Struct, frozen=True, kw_only=True):
    """The limits of the connections, and of the requests on them."""

    connections: int = 2048
    """The clients that are connected at once, if there are descriptors for so many; an idle one takes 10 KiB."""
    body_bytes: int = 32 * 1024 * 1024
    """The Messages API's own limit (docs: request size limits)."""
    body_seconds: float = 60.0
    """32 MB take a fraction of a second over loopback, and half a minute over a slow tunnel.  It is also the time to
    read an answer that is no stream."""
    head_seconds: float = 20.0
    """A request's head fits into one or two packets; only an attacker takes this long to send it."""
    head_bytes: int = 64 * 1024
    """What may arrive of a head that is not complete.  aiohttp's parser takes 128 headers of 8 KiB each: 1 MiB."""
    idle_seconds: float = 600.0
    """Between two requests the user reads, and the client edits and runs tools; reconnecting is cheap but not free."""
    linger_seconds: float = 10.0
    """How long a refused body is read and discarded.  Closing the connection at once would reset it, and a client that
    is still sending would never read the refusal."""
    linger_bytes: int = 64 * 1024 * 1024
    """How much is read and discarded then: twice the largest body that is accepted."""


class GatewayOptions(Struct, frozen=True, kw_only=True):
    """The options of one gateway; port 0 selects a free port."""

    host: str = "127.0.0.1"
    port: int = 0
    listening_socket: socket | None = None
    """A socket that is already listening; `port` is then ignored."""
    token: Secret | None = None
    forward_to: str | None = None
    """The origin to which mode `claude` forwards every request unchanged; then there are no targets, and no token."""
    forward_way: Way = DIRECT
    """How that origin is reached."""
    allowed_hosts: frozenset[str] = frozenset()
    allowed_origins: frozenset[str] = frozenset()
    ask_again: Sequence[AskForTarget] = ()
    """How each target is asked what it runs when that may have changed; those without one are not asked."""
    memory_file: Path | None = None
    """The file that keeps raw tool calls for the next run; `None` keeps them in memory only."""
    learned_file: Path | None = None
    """The file of what the refusals of servers have taught; `None` keeps it in memory only."""
    speeds_file: Path | None = None
    """The file of how fast servers evaluate prompts; `None` remembers nothing."""
    prompts_folder: Path | None = None
    """The folder for findings about prompts and the engine's cache; `None` switches the analysis off."""
    stored_prompts: int = STORED_PROMPTS
    """The number of whole prompts stored there; with 0 no text of a prompt is stored."""
    diet: Diet = "full"
    """How much of the client's own text the backend receives."""
    diet_for: Callable[[BackendTarget], Diet] | None = None
    """The diet once the first server runs something else, such as a smaller window; `None` keeps the first diet."""
    allowed_tools: frozenset[str] | None = None
    """The tools that the model is offered, by name or pattern; `None` for all."""
    repeated_calls: int = REPEATED_CALLS
    """The identical rounds of tool calls after which a turn is ended; 0 for any number."""
    asks_for_progress: bool = False
    """Whether servers are asked to report how far they are, because it is shown to the user."""
    prewarm: PrewarmOptions = PrewarmOptions()
    """How sessions are prewarmed; by default they are not."""
    tool_calls: ToolCalls = DEFAULT_TOOL_CALLS
    """Whether calls that the model wrote as text are recognised, and arguments repaired and enforced."""
    endless_reply: bool = True
    """Whether a reply that only repeats itself is ended."""
    web: WebOptions = WebOptions()
    """What the gateway may do on the web; by default nothing."""
    filters: Sequence[FilterFactory] = ()
    """Applied to every reply between its decoder and the message stream, in order, after the gateway's own."""
    queue_limit: int = QUEUE_LIMIT
    memory_bytes: int = MEMORY_BUDGET
    """The limit of what is kept and reserved (`memory_budget.py`)."""
    grace_seconds: float = 30.0
    """How long running replies may continue when the gateway stops."""
    timeouts: Timeouts = Timeouts()
    timing: StreamTiming = StreamTiming()
    limits: Limits = Limits()
    reattach_policy: ReattachPolicy = ReattachPolicy()
