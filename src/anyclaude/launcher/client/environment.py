"""
The environment Claude Code is started with: what each variable is, and why.

The variables' effects were measured with Claude Code 2.1.330 and 2.1.112 against a recording server, or are those of
its documentation (code.claude.com/docs/en/settings, llm-gateway-protocol).  A value the user exported wins, except
for the address, the credentials and the choice of provider: those are always ours.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

COMPACTION_RESERVE_TOKENS = 13_000
"""Claude Code compacts at window - output - 13,000 (measured at windows of 64,000 and 100,000 tokens).  In a window
under about 20,000 tokens that is below its own prompt: it then compacted before every turn, and each time in vain."""

OUTPUT_SHARE = 4
"""A quarter of the window for one reply: a file of 2,000 tokens can still be written at 8,192."""

LONGEST_REPLY_TOKENS = 32_000
"""What Claude Code asks for itself, for a model it does not know."""

JAVASCRIPT_WINDOW_TOKENS = 200_000
"""The window that releases up to 2.1.112 assume for every model they do not know; no variable changes it."""

OUTPUT_RESERVE_TOKENS = 20_000
"""What the client sets aside for the reply, at most."""

CREDENTIALS = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_IDENTITY_TOKEN",
    "ANTHROPIC_IDENTITY_TOKEN_FILE",
    "ANTHROPIC_UNIX_SOCKET",
    "ANTHROPIC_AWS_API_KEY",
    "ANTHROPIC_FOUNDRY_API_KEY",
    "ANTHROPIC_FOUNDRY_AUTH_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "CLAUDE_API_KEY",
    "CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR",
    "CLAUDE_CODE_CLIENT_KEY",
    "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE",
    "CLAUDE_CODE_GATEWAY_TOKEN",
    "CLAUDE_CODE_GATEWAY_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_OAUTH_REFRESH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR",
    "CLAUDE_CODE_SESSION_ACCESS_TOKEN",
    "CLAUDE_CODE_WEBSOCKET_AUTH_FILE_DESCRIPTOR",
)
"""The names under which Claude Code 2.1.330 looks for a credential (the strings of its program)."""

PROVIDERS = (
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_GATEWAY",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_VERTEX",
)
"""The switches that make Claude Code talk to another cloud, and then the base URL is not asked at all."""

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")

DUMMY_TOKEN = "anyclaude"
"""No secret: the client wants one, and the gateway of one launch listens on loopback alone."""

_CREDENTIAL_NAME = re.compile(
    r"(ANTHROPIC|CLAUDE)_(\w+_)?(API_KEY|AUTH_TOKEN|OAUTH_TOKEN|ACCESS_TOKEN|SECRET|CUSTOM_HEADERS|KEY_PASSPHRASE)(_FILE|_FILE_DESCRIPTOR)?"
)
_CREDENTIAL_VALUE = re.compile(r"sk-ant-\w")
_CLAUDE_NAME = re.compile(r"claude|anthropic|^(opus|sonnet|haiku|fable|mythos|default|best|opusplan)\b", re.IGNORECASE)


class Variable(Struct, frozen=True):
    """One variable of the client's environment; without a value it is taken away."""

    name: str
    value: str | None
    reason: str


class ClientPlan(Struct, frozen=True, kw_only=True):
    """
    What the client is to know about this run.

    `models` are the tiers' own models (`opus`, `sonnet`, `haiku`, `subagent`).  `diet` are the variables that make
    the prompt smaller.  `is_native` is false for the releases in JavaScript.
    """

    base_url: str
    model: str
    models: Mapping[str, str]
    context_tokens: int
    max_output_tokens: int | None = None
    diet: tuple[Variable, ...] = ()
    is_native: bool = True


def client_environment(user: Mapping[str, str], plan: ClientPlan) -> tuple[Variable, ...]:
    """Return every variable that is set for, or kept from, a client of local models."""
    ours = (
        Variable("ANTHROPIC_BASE_URL", plan.base_url, "the gateway of this launch; always ours"),
        Variable("ANTHROPIC_AUTH_TOKEN", DUMMY_TOKEN, "the client wants a credential; this one opens nothing"),
    )
    policy = (*_models(plan), *_window(plan), *plan.diet, *_QUIET, *_STEADY)
    return (
        *ours,
        *(_users_own(user, variable) for variable in policy),
        *_around_proxies(user),
        *(_withheld(name) for name in withheld_names(user)),
    )


def passthrough_environment(
    user: Mapping[str, str], base_url: str, diet: tuple[Variable, ...] = ()
) -> tuple[Variable, ...]:
    """Return what is set in mode `claude`: the client keeps its own credentials, and everything else."""
    address = Variable("ANTHROPIC_BASE_URL", base_url, "the gateway of this launch, which forwards to Anthropic")
    return (address, *(_users_own(user, variable) for variable in diet), *_around_proxies(user))


def child_environment(user: Mapping[str, str], variables: tuple[Variable, ...]) -> dict[str, str]:
    """Return the whole environment of the client."""
    environment = dict(user)
    for variable in variables:
        if variable.value is None:
            environment.pop(variable.name, None)
        else:
            environment[variable.name] = variable.value
    return environment


def withheld_names(user: Mapping[str, str]) -> tuple[str, ...]:
    """Return the exported variables that hold an Anthropic credential, or choose another cloud, by name or by value."""
    kept = {"ANTHROPIC_AUTH_TOKEN"}  # replaced by ours
    named = {name for name in user if name in CREDENTIALS or name in PROVIDERS or _CREDENTIAL_NAME.fullmatch(name)}
    told = {name for name, value in user.items() if _CREDENTIAL_VALUE.search(value)}
    return tuple(sorted((named | told) - kept))


def is_credential(variable: Variable) -> bool:
    """Tell whether a value must not be shown, by the variable's name or by the value; our own dummy may."""
    if variable.value in {None, DUMMY_TOKEN}:
        return False
    named = variable.name in CREDENTIALS or _CREDENTIAL_NAME.fullmatch(variable.name) is not None
    return named or _CREDENTIAL_VALUE.search(variable.value or "") is not None


def visible_name(model: str, tier: str) -> str:
    """
    Return the name under which the client knows a model.

    It must be one that the client does not know, for only then does it believe what it is told about the window.
    """
    return f"local-{tier}" if _CLAUDE_NAME.search(model) else model


def reply_cap(context_tokens: int, chosen: int | None) -> int:
    """Return how long one reply may be, in tokens."""
    return chosen or min(LONGEST_REPLY_TOKENS, context_tokens // OUTPUT_SHARE)


def room_tokens(context_tokens: int, max_output_tokens: int) -> int:
    """
    Return how large a conversation may grow before the client compacts it.

    What is kept free beside the reply is for the next tool result, and for the compaction's own instructions (about
    1,700 tokens): a quarter of the window, and no more than the client's own reserve.
    """
    return context_tokens - max_output_tokens - min(COMPACTION_RESERVE_TOKENS, context_tokens // OUTPUT_SHARE)


def _models(plan: ClientPlan) -> tuple[Variable, ...]:
    main = visible_name(plan.model, "main")

    def seen(tier: str) -> str:
        return visible_name(plan.models[tier], tier) if tier in plan.models else main

    unset = "or the client would ask for a model of Anthropic's"
    return (
        Variable("ANTHROPIC_MODEL", main, "the model of this run"),
        Variable("ANTHROPIC_DEFAULT_OPUS_MODEL", seen("opus"), f"what `opus` means; {unset}"),
        Variable("ANTHROPIC_DEFAULT_SONNET_MODEL", seen("sonnet"), f"what `sonnet` means; {unset}"),
        Variable("ANTHROPIC_DEFAULT_HAIKU_MODEL", seen("haiku"), f"what `haiku` means; {unset}"),
        Variable("ANTHROPIC_DEFAULT_FABLE_MODEL", seen("opus"), f"what `fable` means; {unset}"),
        Variable("ANTHROPIC_SMALL_FAST_MODEL", seen("haiku"), "titles, summaries of web pages"),
        Variable("CLAUDE_CODE_SUBAGENT_MODEL", seen("subagent"), "the sub-agents' model"),
    )


def _window(plan: ClientPlan) -> tuple[Variable, ...]:
    cap = reply_cap(plan.context_tokens, plan.max_output_tokens)
    room = room_tokens(plan.context_tokens, cap)
    output = Variable("CLAUDE_CODE_MAX_OUTPUT_TOKENS", str(cap), "the longest reply; the rest is for the prompt")
    if not plan.is_native:
        percent = 100 * room / (JAVASCRIPT_WINDOW_TOKENS - min(cap, OUTPUT_RESERVE_TOKENS))
        reason = f"compact at {room:,} tokens; this release takes every window for {JAVASCRIPT_WINDOW_TOKENS:,}"
        return (output, Variable("CLAUDE_AUTOCOMPACT_PCT_OVERRIDE", f"{min(percent, 100):.1f}", reason))
    declared = declared_window(plan.context_tokens, cap)
    reason = f"the model's window is {plan.context_tokens:,} tokens"
    if declared != plan.context_tokens:
        reason += (
            f"; declared so that the client compacts at {room:,}, not at {room - declared + plan.context_tokens:,}"
        )
    return (Variable("CLAUDE_CODE_MAX_CONTEXT_TOKENS", str(declared), reason), output)


def declared_window(context_tokens: int, max_output_tokens: int) -> int:
    """
    Return the window to declare, so that the client compacts where `room_tokens` says.

    Windows from 52,000 tokens on are declared as they are.  Smaller ones are declared larger by what the client's
    fixed reserve takes too much; the gateway refuses what is really too long, and then the client compacts too.
    """
    reserved = min(max_output_tokens, OUTPUT_RESERVE_TOKENS)
    return max(context_tokens, room_tokens(context_tokens, max_output_tokens) + reserved + COMPACTION_RESERVE_TOKENS)


_QUIET = (
    Variable("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1", "nothing leaves the machine but what you ask for"),
    Variable("DISABLE_TELEMETRY", "1", "no usage reports"),
    Variable("DISABLE_ERROR_REPORTING", "1", "no error reports"),
    Variable("DISABLE_AUTOUPDATER", "1", "no update behind your back"),
    Variable("DISABLE_COST_WARNINGS", "1", "its prices are not yours"),
    Variable("ENABLE_CLAUDEAI_MCP_SERVERS", "false", "connectors of claude.ai are not on this machine"),
    Variable("CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL", "1", "no download behind your back"),
)

_STEADY = (
    Variable("CLAUDE_CODE_ATTRIBUTION_HEADER", "0", "a line that differs between conversations would empty the cache"),
    Variable("ENABLE_TOOL_SEARCH", "false", "tools loaded later would change the start of the prompt"),
    Variable("CLAUDE_CODE_TOTAL_TOKENS_REMINDER", "off", "no countdown of tokens in every tool result"),
    Variable("CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS", "1", "features that only Anthropic's own API has"),
    Variable("CLAUDE_CODE_GATEWAY_HINT_HEADERS", "1", "every request says whether it is the main loop, a sub-agent, …"),
    Variable("API_TIMEOUT_MS", "3000000", "a long prompt may take local hardware many minutes"),
    Variable("CLAUDE_STREAM_IDLE_TIMEOUT_MS", "1800000", "the same; 30 minutes is the client's limit"),
    Variable("API_FORCE_IDLE_TIMEOUT", "0", "the same; or the connection would be dropped after 300 s"),
    Variable("CLAUDE_ASYNC_AGENT_STALL_TIMEOUT_MS", "1800000", "the same, for sub-agents"),
)


def _users_own(user: Mapping[str, str], variable: Variable) -> Variable:
    if variable.name not in user:
        return variable
    return Variable(variable.name, user[variable.name], f"yours, exported (ours: {variable.value}; {variable.reason})")


def _around_proxies(user: Mapping[str, str]) -> tuple[Variable, ...]:
    """Keep the way to the gateway free of proxies; measured: the client sends even loopback requests to a proxy."""
    if not any(user.get(name) for name in PROXIES):
        return ()
    reason = "your proxy must not stand between the client and the gateway"
    hosts = ("127.0.0.1", "localhost")
    return tuple(
        Variable(name, ",".join([*filter(None, [user.get(name)]), *hosts]), reason) for name in ("NO_PROXY", "no_proxy")
    )


def _withheld(name: str) -> Variable:
    return Variable(name, None, "kept from the client: a credential, or a switch to another cloud, has no place here")
