"""What the client of one launch is given: its environment, its arguments, and what the user is told before."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from anyclaude.backends.target import BackendTarget
from anyclaude.settings import Settings, variable_named

from .client_arguments import SettingsNeeded, client_arguments, has_chosen_permissions, settings_files
from .environment import (
    ClientPlan,
    Variable,
    client_environment,
    passthrough_environment,
    reply_cap,
    room_tokens,
)
from .tool_set import TOOL_SETS, ToolSet, has_chosen_tools, tool_set_for, tool_set_variables

ASSUMED_CONTEXT_TOKENS = 32_768
"""For a server that does not tell: unknown models get a window of a million tokens from the client otherwise, and a
server that cuts long prompts silently would cut most of them."""


class Invocation(Struct, frozen=True):
    """Where and with what anyclaude was called."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path

    @property
    def home(self) -> Path:
        """The user's own folder."""
        return Path(self.environment.get("HOME") or Path.home())


class Plan(Struct, frozen=True):
    """The client's variables and arguments, and sentences for the user."""

    variables: tuple[Variable, ...]
    arguments: tuple[str, ...]
    notes: tuple[str, ...] = ()


def plan_client(
    invocation: Invocation, settings: Settings, target: BackendTarget | None, base_url: str, *, is_native: bool
) -> Plan:
    """Return the plan for a client of `target`; without one, for a client of Anthropic's own API."""
    user = invocation.environment
    if target is None:
        model = ("--model", settings.model) if settings.model else ()
        arguments = _arguments(invocation, settings, SettingsNeeded(base_url, keeps_credentials=True), model)
        return Plan(passthrough_environment(user, base_url), arguments)
    window = target.context_tokens or ASSUMED_CONTEXT_TOKENS
    tools = _tools(invocation, settings, window)
    plan = ClientPlan(
        base_url=base_url,
        model=target.model,
        models=target.models,
        context_tokens=window,
        max_output_tokens=settings.max_output_tokens,
        tool_set=tool_set_variables(tools),
        is_native=is_native,
    )
    arguments = _arguments(invocation, settings, SettingsNeeded(base_url), tools.arguments)
    return Plan(client_environment(user, plan), arguments, _notes(target, tools, window))


def _tools(invocation: Invocation, settings: Settings, window: int) -> ToolSet:
    if has_chosen_tools(invocation.arguments, invocation.environment):
        return TOOL_SETS[0]
    return tool_set_for(room_tokens(window, reply_cap(window, settings.max_output_tokens)))


def _arguments(
    invocation: Invocation, settings: Settings, needed: SettingsNeeded, tool_arguments: tuple[str, ...]
) -> tuple[str, ...]:
    files = settings_files(invocation.environment, invocation.home, invocation.folder)
    chosen = has_chosen_permissions(invocation.arguments, files)
    permission_mode = None if chosen else settings.permission_mode
    return client_arguments(invocation.arguments, needed, permission_mode, tool_arguments)


def _notes(target: BackendTarget, tools: ToolSet, window: int) -> tuple[str, ...]:
    notes = []
    if target.context_tokens is None:
        notes.append(
            f"{target.profile.title} does not tell how large the window of {target.model} is; {window:,} tokens are "
            f"assumed. Set {variable_named('context_tokens')} if you know."
        )
    if tools.loss:
        notes.append(f"A window of {window:,} tokens is small for Claude Code's prompt: {tools.loss}.")
    return tuple(notes)
