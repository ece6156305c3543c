"""The plan for the client of one launch: its environment, its arguments, and notes for the user."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.backends import BackendTarget
from anyclaude.bounds import ASSUMED_CONTEXT_TOKENS
from anyclaude.diet import DEFAULT_DIET
from anyclaude.settings import Settings, variable_named

from .arguments import SettingsNeeded, client_arguments, has_chosen_permissions, settings_files
from .diets import CLIENT_DIETS, ClientDiet, diet_for, fits, has_chosen_tools
from .environment import ClientPlan, Variable, client_environment, passthrough_environment, reply_cap, room_tokens


class Invocation(Struct, frozen=True):
    """How anyclaude was called: the arguments for the client, the environment, and the working directory."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path

    @property
    def home(self) -> Path:
        """The user's home folder."""
        return Path(self.environment.get("HOME") or Path.home())


class Plan(Struct, frozen=True):
    """The client's variables and arguments, and notes for the user."""

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
        diet = passthrough_diet(invocation, settings)
        needed = SettingsNeeded(base_url, keeps_credentials=True)
        arguments = _arguments(invocation, settings, needed, (*diet.arguments, *model))
        return Plan(passthrough_environment(user, base_url, diet.variables), arguments)
    window = _window(target)
    diet = diet_of(invocation, settings, target, is_native=is_native)
    plan = ClientPlan(
        base_url=base_url,
        model=target.model,
        models=target.models,
        context_tokens=window,
        max_output_tokens=settings.max_output_tokens,
        diet=diet.variables,
        is_native=is_native,
    )
    arguments = _arguments(invocation, settings, SettingsNeeded(base_url), diet.arguments)
    return Plan(client_environment(user, plan), arguments, _notes(settings, target, diet, is_native=is_native))


def passthrough_diet(invocation: Invocation, settings: Settings) -> ClientDiet:
    """Return the diet of a client of Anthropic's own API: `full`, unless the user chose another."""
    return _respecting(invocation, next(diet for diet in CLIENT_DIETS if diet.name == (settings.diet or "full")))


def diet_of(invocation: Invocation, settings: Settings, target: BackendTarget, *, is_native: bool) -> ClientDiet:
    """Return the client's diet: a smaller one in a small window; tools that the user chose are left alone."""
    is_chosen = has_chosen_tools(invocation.arguments, invocation.environment)
    wanted = settings.diet or (DEFAULT_DIET if is_chosen else None)
    return _respecting(invocation, diet_for(_room(settings, target), wanted, is_native=is_native))


def _respecting(invocation: Invocation, diet: ClientDiet) -> ClientDiet:
    is_chosen = has_chosen_tools(invocation.arguments, invocation.environment)
    return replace(diet, arguments=(), loss="") if is_chosen else diet


def _window(target: BackendTarget) -> int:
    return target.context_tokens or ASSUMED_CONTEXT_TOKENS


def _room(settings: Settings, target: BackendTarget) -> int:
    window = _window(target)
    return room_tokens(window, reply_cap(window, settings.max_output_tokens))


def _arguments(
    invocation: Invocation, settings: Settings, needed: SettingsNeeded, tool_arguments: tuple[str, ...]
) -> tuple[str, ...]:
    files = settings_files(invocation.environment, invocation.home, invocation.folder)
    chosen = has_chosen_permissions(invocation.arguments, files)
    permission_mode = None if chosen else settings.permission_mode
    return client_arguments(invocation.arguments, needed, permission_mode, tool_arguments)


def _notes(settings: Settings, target: BackendTarget, diet: ClientDiet, *, is_native: bool) -> tuple[str, ...]:
    notes = [*target.notes]
    window = _window(target)
    if target.context_tokens is None:
        notes.append(
            f"{target.profile.title} does not report the window of {target.model}; {window:,} tokens are "
            f"assumed. Set {variable_named('context_tokens')} if you know it."
        )
    if settings.diet is not None and not fits(diet, _room(settings, target), is_native=is_native):
        notes.append(
            f"With the diet {diet.name}, the prompt leaves little of a window of {window:,} tokens to work with; "
            f"if no diet is set, a smaller one is chosen."
        )
    elif settings.diet is None and diet.name != DEFAULT_DIET and diet.loss:
        notes.append(f"A window of {window:,} tokens is small for Claude Code's prompt: {diet.loss}.")
    return tuple(notes)
