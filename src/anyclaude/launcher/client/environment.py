"""
The environment of Claude Code: each variable with its reason.

The variables' effects were measured with Claude Code 2.1.330, 2.1.332 and 2.1.112 against a recording server, or are
those of its documentation (code.claude.com/docs/en/settings, llm-gateway-protocol).  What the user set wins, wherever
they did, except for the address, the credentials, the choice of provider, and what would exceed the model's window.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from anyclaude.model_names import without_window_mark
from anyclaude.secret import masked
from anyclaude.settings.setting import PREFIX
from anyclaude.settings.table import SETTINGS

from .credentials import CREDENTIALS, DUMMY_TOKEN, PROVIDERS, withheld_names
from .model_names import client_name_of, is_tier, usable_name
from .user_settings import FoundValue, UserSettings
from .window import ResultLimits, compaction_percent, declared_window, reply_cap, room_tokens

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")

GATEWAY_SECRETS = frozenset(setting.variable for setting in SETTINGS if setting.is_secret)
"""The variables of the key for the server, and of the gateway's own token."""

LOOPBACK = ("127.0.0.1", "localhost")


class Variable(Struct, frozen=True):
    """
    One variable of the client's environment; without a value it is removed.

    `is_ours`: it wins over the user's.  `note` is what the user has to be told of it.
    """

    name: str
    value: str | None
    reason: str
    is_ours: bool = False
    note: str = ""


class ClientPlan(Struct, frozen=True, kw_only=True):
    """
    The facts about this run that the client gets.

    `models` are the models of the tiers (`opus`, `sonnet`, `haiku`, `subagent`), `available` those that the server
    lists.  `max_output_tokens` is what the user has set for this run.  `diet` are the variables that make the prompt
    smaller.  `is_native` is false for the releases in JavaScript; `is_window_known` is true if the server has told its
    window, so that the gateway refuses prompts that do not fit.
    """

    base_url: str
    model: str
    models: Mapping[str, str]
    context_tokens: int
    results: ResultLimits
    available: Sequence[str] = ()
    max_output_tokens: int | None = None
    diet: tuple[Variable, ...] = ()
    prints_text: bool = False
    """Whether the client only answers one prompt, so that no other model can be chosen while it runs."""
    is_native: bool = True
    is_window_known: bool = True


def client_environment(user: UserSettings, plan: ClientPlan) -> tuple[Variable, ...]:
    """Return every variable that is set for a client of local models, or withheld from it."""
    address, token, larger, *policy = environment_of_any_model(user, plan.base_url)
    larger = _unset_larger_window() if plan.prints_text else larger
    results = () if plan.results.are_the_clients else _results(plan.results)
    unless_set = (_unless_set(user, variable) for variable in (*results, *plan.diet))
    return (address, token, larger, *_models(user, plan), *_window(user, plan), *unless_set, *policy)


def environment_of_any_model(user: UserSettings, base_url: str) -> tuple[Variable, ...]:
    """Return the variables that do not depend on the model, which may not be known yet."""
    reason = "no choice in the client assumes a larger window than the model has"
    return (
        _gateway(base_url, "the gateway of this launch; always ours"),
        Variable(
            "ANTHROPIC_AUTH_TOKEN", DUMMY_TOKEN, "the client requires a credential; this one grants nothing", True
        ),
        Variable("CLAUDE_CODE_DISABLE_1M_CONTEXT", "1", reason, is_ours=True),
        *(_unless_set(user, variable) for variable in (*_QUIET, *_STEADY)),
        *_around_proxies(user),
        *(_withheld(name) for name in withheld_names(user.environment)),
    )


def _unset_larger_window() -> Variable:
    """
    Leave out the variable that switches windows of a million tokens off.

    With it, and text as its output, the client (2.1.332) writes to stderr that a limit of 200K is not enforced.
    """
    return Variable("CLAUDE_CODE_DISABLE_1M_CONTEXT", None, "nothing can choose a larger window in this run", True)


def passthrough_environment(user: UserSettings, base_url: str, diet: tuple[Variable, ...] = ()) -> tuple[Variable, ...]:
    """Return the variables of mode `claude`: the client keeps its own credentials, and everything else."""
    address = _gateway(base_url, "the gateway of this launch, which forwards to Anthropic")
    return (address, *(_unless_set(user, variable) for variable in diet), *_around_proxies(user))


def child_environment(exported: Mapping[str, str], variables: tuple[Variable, ...]) -> dict[str, str]:
    """Return the complete environment of the client, without the keys of the gateway, for which it has no use."""
    environment = {name: value for name, value in exported.items() if not _is_gateways_secret(name, value)}
    for variable in variables:
        if variable.value is None:
            environment.pop(variable.name, None)
        else:
            environment[variable.name] = variable.value
    return environment


def _is_gateways_secret(name: str, value: str) -> bool:
    """Return whether a variable of ours is a secret, or an address with one; what the model runs could read it."""
    return name in GATEWAY_SECRETS or (name.startswith(PREFIX) and masked(value) != value)


def environment_over_files(
    user: UserSettings, variables: tuple[Variable, ...], *, keeps_credentials: bool
) -> dict[str, str]:
    """
    Return the variables for `--settings`, which win over the user's files: the client reads these after its start.

    The address, the way around proxies and the credentials are always among them, because the files may change during
    a session.
    """
    set_by_files = user.environment_of_sources
    ours = {
        variable.name: variable.value or ""
        for variable in (*_beside_proxies(user), *variables)
        if variable.is_ours or set_by_files.get(variable.name, variable.value) != variable.value
    }
    return ours if keeps_credentials else {**dict.fromkeys((*CREDENTIALS, *PROVIDERS), ""), **ours}


def is_proxied(environment: Mapping[str, str]) -> bool:
    """Return whether the client sends its requests to a proxy."""
    return any(environment.get(name) for name in PROXIES)


def _models(user: UserSettings, plan: ClientPlan) -> tuple[Variable, ...]:
    main = client_name_of(plan.model, "main")

    def name_of(tier: str) -> str:
        return client_name_of(plan.models[tier], tier) if tier in plan.models else main

    unset = "or the client would request a model of Anthropic's"
    variables = (
        Variable("ANTHROPIC_MODEL", main, "the model of this run"),
        Variable("ANTHROPIC_DEFAULT_OPUS_MODEL", name_of("opus"), f"what `opus` means; {unset}"),
        Variable("ANTHROPIC_DEFAULT_SONNET_MODEL", name_of("sonnet"), f"what `sonnet` means; {unset}"),
        Variable("ANTHROPIC_DEFAULT_HAIKU_MODEL", name_of("haiku"), f"what `haiku` means; {unset}"),
        Variable("ANTHROPIC_DEFAULT_FABLE_MODEL", name_of("opus"), f"what `fable` means; {unset}"),
        Variable("ANTHROPIC_SMALL_FAST_MODEL", name_of("haiku"), "titles, summaries of web pages"),
        Variable("CLAUDE_CODE_SUBAGENT_MODEL", name_of("subagent"), "the sub-agents' model"),
    )
    return tuple(_model_unless_set(user, variable, plan) for variable in variables)


def _model_unless_set(user: UserSettings, variable: Variable, plan: ClientPlan) -> Variable:
    """Return the user's choice of a model if it keeps the client to the window, else ours."""
    found = user.variable(variable.name)
    if found is None or found.value == variable.value:
        return variable
    stated = without_window_mark(found.value)
    is_of_tiers = is_tier(stated) and not variable.name.startswith("ANTHROPIC_DEFAULT_")
    usable = stated if is_of_tiers else usable_name(stated, plan.available)
    if usable is not None:
        return _yours(variable, found, usable)
    note = ""
    if variable.name == "ANTHROPIC_MODEL":
        note = f"{variable.name}={found.value} ({_origin(found)}) is no model of this server; {plan.model} is used"
    return Variable(variable.name, variable.value, f"{variable.reason}; the server has no {found.value}", True, note)


def _window(user: UserSettings, plan: ClientPlan) -> tuple[Variable, ...]:
    window, output = plan.context_tokens, _output(user, plan)
    cap = int(output.value or 0)
    room = room_tokens(window, cap)
    if not plan.is_native:
        reason = f"compact at {room:,} tokens; this release assumes a window of 200,000"
        percent = Variable("CLAUDE_AUTOCOMPACT_PCT_OVERRIDE", f"{compaction_percent(window, cap):.1f}", reason)
        return (output, _unless_set(user, percent))
    reason = f"the model's window is {window:,} tokens"
    if plan.is_window_known:
        return (*_window_of_gateway(user, window, reason), output)
    declared = declared_window(window, cap)
    if declared != window:
        otherwise = room - declared + window
        instead = f"not at {otherwise:,}" if otherwise > 0 else "not at once"
        reason += f"; declared so that the client compacts at {room:,}, {instead}"
    return (_at_most(user, Variable("CLAUDE_CODE_MAX_CONTEXT_TOKENS", str(declared), reason)), output)


def _window_of_gateway(user: UserSettings, window: int, reason: str) -> tuple[Variable, ...]:
    """
    Return the model's window, and that the client waits until the gateway refuses a prompt.

    On its own it compacts 13,000 tokens and a reply before the end, in vain in a small window, and gives up after
    three times.  A smaller window of the user's is for the client to enforce.
    """
    declared = _at_most(user, Variable("CLAUDE_CODE_MAX_CONTEXT_TOKENS", str(window), reason))
    if declared.value != str(window):
        return (declared,)
    name, why = "CLAUDE_CODE_DISABLE_UNKNOWN_MODEL_WINDOW_ENFORCEMENT", "the gateway says when a prompt is too long"
    return (declared, _unless_set(user, Variable(name, "1", f"{why}; the client then compacts")))


def chosen_output(user: UserSettings) -> int | None:
    """Return the longest reply that the user has set for the client, in tokens."""
    return _number(user.variable(_OUTPUT))


def _output(user: UserSettings, plan: ClientPlan) -> Variable:
    """Return the longest reply: what was set for this run, else for the client, as far as the window can bear it."""
    theirs = user.variable(_OUTPUT)
    chosen = plan.max_output_tokens or _number(theirs)
    cap = reply_cap(plan.context_tokens, chosen)
    variable = Variable(_OUTPUT, str(cap), "the longest reply; the rest is for the prompt")
    if chosen is not None and cap < chosen:
        note = (
            f"A reply of {chosen:,} tokens leaves no room for a conversation in a window of {plan.context_tokens:,} "
            f"tokens; {cap:,} are allowed"
        )
        return Variable(_OUTPUT, str(cap), f"the longest that the window can bear, not {chosen:,}", True, note)
    if theirs is None or theirs.value == variable.value:
        return variable
    if plan.max_output_tokens is None and chosen is not None:
        return _yours(variable, theirs, theirs.value)
    return Variable(_OUTPUT, str(cap), variable.reason, is_ours=True)


_OUTPUT = "CLAUDE_CODE_MAX_OUTPUT_TOKENS"


def _results(limits: ResultLimits) -> tuple[Variable, ...]:
    reason = "one tool result must not fill the window"
    return (
        Variable("CLAUDE_CODE_FILE_READ_MAX_OUTPUT_TOKENS", str(limits.tokens), reason),
        Variable("MAX_MCP_OUTPUT_TOKENS", str(limits.tokens), reason),
        Variable("BASH_MAX_OUTPUT_LENGTH", str(limits.characters), reason),
    )


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


def _gateway(base_url: str, reason: str) -> Variable:
    return Variable("ANTHROPIC_BASE_URL", base_url, reason, is_ours=True)


def _unless_set(user: UserSettings, variable: Variable) -> Variable:
    found = user.variable(variable.name)
    return variable if found is None else _yours(variable, found, found.value)


def _yours(variable: Variable, found: FoundValue, value: str) -> Variable:
    return Variable(variable.name, value, f"yours, {_origin(found)} (ours: {variable.value}; {variable.reason})")


def _origin(found: FoundValue) -> str:
    return "exported" if found.source is None else f"from {found.source.place}"


def _at_most(user: UserSettings, variable: Variable) -> Variable:
    """Return the user's number if it is no larger than ours."""
    found = user.variable(variable.name)
    theirs, ours = _number(found), int(variable.value or 0)
    if found is None or theirs is None or theirs == ours:
        return variable
    if theirs < ours:
        return _yours(variable, found, found.value)
    note = f"{variable.name}={found.value} ({_origin(found)}) is more than the model has; {ours:,} is used"
    return Variable(variable.name, variable.value, variable.reason, True, note)


def _number(found: FoundValue | None) -> int | None:
    """Return the positive number that the user has set; the client ignores other values."""
    text = found.value.strip() if found else ""
    return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else None


def _around_proxies(user: UserSettings) -> tuple[Variable, ...]:
    return _beside_proxies(user) if is_proxied(user.environment) else ()


def _beside_proxies(user: UserSettings) -> tuple[Variable, ...]:
    """
    Exempt the gateway from proxies; measured: the client sends even loopback requests to a proxy.

    If both variables are set, it obeys `no_proxy`.
    """
    environment, reason = user.environment, "your proxy must not be used between the client and the gateway"
    lower, upper = environment.get("no_proxy", ""), environment.get("NO_PROXY", "")
    return tuple(
        Variable(name, _with_loopback(theirs), reason, is_ours=True)
        for name, theirs in (("NO_PROXY", upper or lower), ("no_proxy", lower or upper))
    )


def _with_loopback(hosts: str) -> str:
    theirs = [host.strip() for host in hosts.split(",") if host.strip()]
    return ",".join((*theirs, *(host for host in LOOPBACK if host not in theirs)))


def _withheld(name: str) -> Variable:
    return Variable(name, None, "withheld from the client: a credential, or a switch to another cloud")
