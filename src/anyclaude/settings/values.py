"""The settings: names, types and defaults.  `table.py` has their meanings."""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from anyclaude.bounds import QUEUE_LIMIT, REPEATED_CALLS, STORED_PROMPTS
from anyclaude.claude_code import CLIENT_VERSION, PermissionMode
from anyclaude.diet import Diet
from anyclaude.memory_budget import MEMORY_BUDGET
from anyclaude.network import Network
from anyclaude.profiles import PROFILES, BackendProfile
from anyclaude.secret import Secret
from anyclaude.timeouts import Timeouts
from anyclaude.tool_calls import DEFAULT_TOOL_CALLS, ToolCalls

Mode: TypeAlias = str
"""One of `MODES`: the name of a kind of server, `claude` for Anthropic's own API, or `auto` to look for a server."""

AUTO: Mode = "auto"

MODES: tuple[Mode, ...] = (*(profile.name for profile in PROFILES), "claude", AUTO)

FORMER_MODES: dict[str, Mode] = {
    "local": AUTO,  # any server with Chat Completions on this machine
    "mlx-lm": "mlx",
    "mlx-cluster": "mlx",  # mlx_lm.server spreads a model over machines itself, behind one address
    "mlx-textgen": "generic",
}
"""The modes of anyclaude up to version 2, and what they are called now; `lmstudio`, `openrouter` and `claude` stay."""

Tokens: TypeAlias = Annotated[int, Meta(ge=256)]
"""A number of tokens; a window or a reply of less than 256 is a typing error."""
Count: TypeAlias = Annotated[int, Meta(ge=1)]
CountOrNone: TypeAlias = Annotated[int, Meta(ge=0)]
"""A number of things to keep, or a limit; 0 keeps none, or limits nothing."""
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]
SpeculationName: TypeAlias = Literal["short", "long", "off"]
KvName: TypeAlias = Literal["f16", "q8_0"]


class Fallback(Struct, frozen=True, forbid_unknown_fields=True):
    """A server to use if those before it fail; its key comes from `api_key_variable`, or from its kind's variable."""

    mode: Mode | None = None
    url: str | None = None
    model: str | None = None
    api_key_variable: str | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """The value of every setting; `None` leaves the choice to the launch."""

    mode: Mode = AUTO
    backend_url: str | None = None
    ca_file: Path | None = None
    model: str | None = None
    opus_model: str | None = None
    sonnet_model: str | None = None
    haiku_model: str | None = None
    subagent_model: str | None = None
    vision_model: str | None = None
    fallbacks: tuple[Fallback, ...] = ()
    diet: Diet | None = None
    tool_calls: ToolCalls = DEFAULT_TOOL_CALLS
    allowed_tools: frozenset[str] | None = None
    context_tokens: Tokens | None = None
    max_output_tokens: Tokens | None = None
    repeated_calls: CountOrNone = REPEATED_CALLS
    endless_reply: bool = True
    web_search: str | None = None
    web_fetch: bool = False
    speculation: SpeculationName | None = None
    draft_model: str | None = None
    kv_type: KvName | None = None
    threads: Count | None = None
    parallel_requests: Count | None = None
    host: str = "127.0.0.1"
    port: Port = 49152
    allowed_hosts: frozenset[str] = frozenset()
    allowed_origins: frozenset[str] = frozenset()
    queue_limit: Count = QUEUE_LIMIT
    memory_mib: CountOrNone = MEMORY_BUDGET // 1024**2
    timeouts: Timeouts = Timeouts()
    prewarm: bool = True
    slot_snapshots_mib: CountOrNone = 4096
    stored_prompts: CountOrNone = STORED_PROMPTS
    claude_path: Path | None = None
    claude_version: str = CLIENT_VERSION
    permission_mode: PermissionMode | None = None
    log_dir: Path = Path("~/.anyclaude")
    cache_dir: Path | None = None
    token: Secret | None = None
    api_key: Secret | None = None
    web_search_key: Secret | None = None
    keys: dict[str, Secret] = {}
    """The keys of servers and search providers, by the name of the variable that holds them."""
    network: Network = Network()
    """The ways to servers: proxies and trusted certificates, as `ca_file` and the usual variables name them."""
    keeps_logs: bool = True
    """Whether there is a folder for logs; false only if neither `log_dir` nor a temporary folder can be written."""

    @property
    def models(self) -> dict[str, str]:
        """The models of the client's tiers, and the one that describes pictures, where they are set."""
        tiers = {
            "opus": self.opus_model,
            "sonnet": self.sonnet_model,
            "haiku": self.haiku_model,
            "subagent": self.subagent_model,
            "vision": self.vision_model,
        }
        return {tier: model for tier, model in tiers.items() if model}

    def key_for(self, profile: BackendProfile) -> Secret | None:
        """Return the key for the server of this run: the one set for the run, or that of the kind of server."""
        return self.api_key or self.keys.get(profile.api_key_variable or "")
