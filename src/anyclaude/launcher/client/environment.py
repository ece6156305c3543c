"""
The environment of Claude Code: each variable with its reason.

The variables' effects were measured with Claude Code 2.1.330 and 2.1.112 against a recording server, or are those of
its documentation (code.claude.com/docs/en/settings, llm-gateway-protocol).  A value the user exported wins, except
for the address, the credentials and the choice of provider, which are always ours.
"""

import re
from collections.abc import Mapping

from msgspec import Struct

COMPACTION_RESERVE_TOKENS = 13_000
"""Claude Code compacts at window - output - 13,000 (measured at windows of 64,000 and 100,000 tokens).  In a window
under about 20,000 tokens this is below its own prompt: it then compacted before every turn, without effect."""

OUTPUT_SHARE = 4
"""A quarter of the window for one reply: a file of 2,000 tokens can still be written at 8,192."""

LONGEST_REPLY_TOKENS = 32_000
"""The limit that Claude Code uses for a model it does not know."""

JAVASCRIPT_WINDOW_TOKENS = 200_000
"""The window that releases up to 2.1.112 assume for every model they do not know; no variable changes it."""

OUTPUT_RESERVE_TOKENS = 20_000
"""The tokens that the client reserves for the reply, at most."""

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
"""The variables in which Claude Code 2.1.330 looks for a credential (the strings of its program)."""

PROVIDERS = (
    "CLAUDE_CODE_USE_ANTHROPIC_AWS",
    "CLAUDE_CODE_USE_ANTHROPIC_GOOGLE_CLOUD",
    "CLAUDE_CODE_USE_BEDROCK",
    "CLAUDE_CODE_USE_FOUNDRY",
    "CLAUDE_CODE_USE_GATEWAY",
    "CLAUDE_CODE_USE_MANTLE",
    "CLAUDE_CODE_USE_VERTEX",
)
"""The switches that make Claude Code use another cloud, and ignore the base URL."""

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")

DUMMY_TOKEN = "anyclaude"
"""Not a secret: the client requires a token, and the gateway of a launch listens on loopback only."""

_CREDENTIAL_NAME = re.compile(
    r"(ANTHROPIC|CLAUDE)_(\w+_)?(API_KEY|AUTH_TOKEN|OAUTH_TOKEN|ACCESS_TOKEN|SECRET|CUSTOM_HEADERS|KEY_PASSPHRASE)(_FILE|_FILE_DESCRIPTOR)?"
)
_CREDENTIAL_VALUE = re.compile(r"sk-ant-\w")
_CLAUDE_NAME = re.compile(r"claude|anthropic|^(opus|sonnet|haiku|fable|mythos|default|best|opusplan)\b", re.IGNORECASE)


class Variable(Struct, frozen=True):
    """One variable of the client's environment; without a value it is removed."""

    name: str
    value: str | None
    reason: str


class ClientPlan(Struct, frozen=True, kw_only=True):
    """
    The facts about this run that the client gets.

    `models` are the models of the tiers (`opus`, `sonnet`, `haiku`, `subagent`).  `diet` are the variables that make
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
    """Return every variable that is set for a client of local models, or withheld from it."""
    about_model = (*_models(plan), *_window(plan), *plan.diet)
    address, token, *policy = environment_of_any_model(user, plan.base_url)
    return (address, token, *(_unless_exported(user, variable) for variable in about_model), *policy)


def environment_of_any_model(user: Mapping[str, str], base_url: str) -> tuple[Variable, ...]:
    """Return the variables that do not depend on the model, which may not be known yet."""
    return (
        Variable("ANTHROPIC_BASE_URL", base_url, "the gateway of this launch; always ours"),
        Variable("ANTHROPIC_AUTH_TOKEN", DUMMY_TOKEN, "the client requires a credential; this one grants nothing"),
        *(_unless_exported(user, variable) for variable in (*_QUIET, *_STEADY)),
        *_around_proxies(user),
        *(_withheld(name) for name in withheld_names(user)),
    )


def passthrough_environment(
    user: Mapping[str, str], base_url: str, diet: tuple[Variable, ...] = ()
) -> tuple[Variable, ...]:
    """Return the variables of mode `claude`: the client keeps its own credentials, and everything else."""
    address = Variable("ANTHROPIC_BASE_URL", base_url, "the gateway of this launch, which forwards to Anthropic")
    return (address, *(_unless_exported(user, variable) for variable in diet), *_around_proxies(user))


def child_environment(user: Mapping[str, str], variables: tuple[Variable, ...]) -> dict[str, str]:
    """Return the complete environment of the client."""
    environment = dict(user)
    for variable in variables:
        if variable.value is None:
            environment.pop(variable.name, None)
        else:
            environment[variable.name] = variable.value
    return environment


def withheld_names(user: Mapping[str, str]) -> tuple[str, ...]:
    """Return the exported variables that contain an Anthropic credential, by name or value, or choose another cloud."""
    kept = {"ANTHROPIC_AUTH_TOKEN"}  # replaced by ours
    by_name = {name for name in user if name in CREDENTIALS or name in PROVIDERS or _CREDENTIAL_NAME.fullmatch(name)}
    by_value = {name for name, value in user.items() if _CREDENTIAL_VALUE.search(value)}
    return tuple(sorted((by_name | by_value) - kept))


def is_credential(variable: Variable) -> bool:
    """Return whether a value must not be shown, by the variable's name or by the value; our own dummy may be."""
    if variable.value in {None, DUMMY_TOKEN}:
        return False
    named = variable.name in CREDENTIALS or _CREDENTIAL_NAME.fullmatch(variable.name) is not None
    return named or _CREDENTIAL_VALUE.search(variable.value or "") is not None


def client_name_of(model: str, tier: str) -> str:
    """
    Return the name of a model for the client.

    It must be one that the client does not know, because only then does it use the window that the environment sets.
    """
    return f"local-{tier}" if _CLAUDE_NAME.search(model) else model


def reply_cap(context_tokens: int, chosen: int | None) -> int:
    """Return the longest reply, in tokens."""
    return chosen or min(LONGEST_REPLY_TOKENS, context_tokens // OUTPUT_SHARE)


def room_tokens(context_tokens: int, max_output_tokens: int) -> int:
    """
    Return the tokens that a conversation may have before the client compacts it.

    The reserve beside the reply is for the next tool result, and for the compaction's own instructions (about 1,700
    tokens): a quarter of the window, and no more than the client's own reserve.
    """
    return context_tokens - max_output_tokens - min(COMPACTION_RESERVE_TOKENS, context_tokens // OUTPUT_SHARE)


def _models(plan: ClientPlan) -> tuple[Variable, ...]:
    main = client_name_of(plan.model, "main")

    def name_of(tier: str) -> str:
        return client_name_of(plan.models[tier], tier) if tier in plan.models else main

    unset = "or the client would request a model of Anthropic's"
    return (
        Variable("ANTHROPIC_MODEL", main, "the model of this run"),
        Variable("ANTHROPIC_DEFAULT_OPUS_MODEL", name_of("opus"), f"what `opus` means; {unset}"),
        Variable("ANTHROPIC_DEFAULT_SONNET_MODEL", name_of("sonnet"), f"what `sonnet` means; {unset}"),
        Variable("ANTHROPIC_DEFAULT_HAIKU_MODEL", name_of("haiku"), f"what `haiku` means; {unset}"),
        Variable("ANTHROPIC_DEFAULT_FABLE_MODEL", name_of("opus"), f"what `fable` means; {unset}"),
        Variable("ANTHROPIC_SMALL_FAST_MODEL", name_of("haiku"), "titles, summaries of web pages"),
        Variable("CLAUDE_CODE_SUBAGENT_MODEL", name_of("subagent"), "the sub-agents' model"),
    )


def _window(plan: ClientPlan) -> tuple[Variable, ...]:
    cap = reply_cap(plan.context_tokens, plan.max_output_tokens)
    room = room_tokens(plan.context_tokens, cap)
    output = Variable("CLAUDE_CODE_MAX_OUTPUT_TOKENS", str(cap), "the longest reply; the rest is for the prompt")
    if not plan.is_native:
        percent = 100 * room / (JAVASCRIPT_WINDOW_TOKENS - min(cap, OUTPUT_RESERVE_TOKENS))
        reason = f"compact at {room:,} tokens; this release assumes a window of {JAVASCRIPT_WINDOW_TOKENS:,}"
        return (output, Variable("CLAUDE_AUTOCOMPACT_PCT_OVERRIDE", f"{min(percent, 100):.1f}", reason))
    declared = declared_window(plan.context_tokens, cap)
    reason = f"the model's window is {plan.context_tokens:,} tokens"
    if declared != plan.context_tokens:
        otherwise = room - declared + plan.context_tokens
        instead = f"not at {otherwise:,}" if otherwise > 0 else "not at once"
        reason += f"; declared so that the client compacts at {room:,}, {instead}"
    return (Variable("CLAUDE_CODE_MAX_CONTEXT_TOKENS", str(declared), reason), output)


def declared_window(context_tokens: int, max_output_tokens: int) -> int:
    """
    Return the window to declare, so that the client compacts at `room_tokens`.

    Windows of 52,000 tokens and more are declared as they are.  Smaller ones are declared larger, by the excess of the
    client's fixed reserve; the gateway refuses a prompt that is really too long, and then the client compacts too.
    """
    reserved = min(max_output_tokens, OUTPUT_RESERVE_TOKENS)
    return max(context_tokens, room_tokens(context_tokens, max_output_tokens) + reserved + COMPACTION_RESERVE_TOKENS)


_QUIET = (
    Variable("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1", "nothing leaves the machine except your requests"),
    Variable("DISABLE_TELEMETRY", "1", "no usage reports"),
    Variable("DISABLE_ERROR_REPORTING", "1", "no error reports"),
    Variable("DISABLE_AUTOUPDATER", "1", "no unrequested update"),
    Variable("DISABLE_COST_WARNINGS", "1", "Anthropic's prices do not apply"),
    Variable("ENABLE_CLAUDEAI_MCP_SERVERS", "false", "connectors of claude.ai are not on this machine"),
    Variable("CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL", "1", "no unrequested download"),
)

_STEADY = (
    Variable("CLAUDE_CODE_ATTRIBUTION_HEADER", "0", "a line that differs between conversations misses the cache"),
    Variable("ENABLE_TOOL_SEARCH", "false", "tools loaded later would change the start of the prompt"),
    Variable("CLAUDE_CODE_TOTAL_TOKENS_REMINDER", "off", "no countdown of tokens in every tool result"),
    Variable("CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS", "1", "features that only Anthropic's own API has"),
    Variable("CLAUDE_CODE_GATEWAY_HINT_HEADERS", "1", "every request has its class: main conversation, sub-agent, …"),
    Variable("API_TIMEOUT_MS", "3000000", "a long prompt may take local hardware many minutes"),
    Variable("CLAUDE_STREAM_IDLE_TIMEOUT_MS", "1800000", "as above; 30 minutes are the client's limit"),
    Variable("API_FORCE_IDLE_TIMEOUT", "0", "or the client would close an idle connection after 300 s"),
    Variable("CLAUDE_ASYNC_AGENT_STALL_TIMEOUT_MS", "1800000", "as above, for sub-agents"),
)


def _unless_exported(user: Mapping[str, str], variable: Variable) -> Variable:
    if variable.name not in user:
        return variable
    return Variable(variable.name, user[variable.name], f"yours, exported (ours: {variable.value}; {variable.reason})")


def _around_proxies(user: Mapping[str, str]) -> tuple[Variable, ...]:
    """Exempt the gateway from proxies; measured: the client sends even loopback requests to a proxy."""
    if not any(user.get(name) for name in PROXIES):
        return ()
    reason = "your proxy must not be used between the client and the gateway"
    hosts = ("127.0.0.1", "localhost")
    return tuple(
        Variable(name, ",".join([*filter(None, [user.get(name)]), *hosts]), reason) for name in ("NO_PROXY", "no_proxy")
    )


def _withheld(name: str) -> Variable:
    return Variable(name, None, "withheld from the client: a credential, or a switch to another cloud")
