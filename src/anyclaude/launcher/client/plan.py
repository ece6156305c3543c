"""The plan for the client of one launch: its environment, its arguments and settings, and notes for the user."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.backends import BackendTarget
from anyclaude.bounds import ASSUMED_CONTEXT_TOKENS
from anyclaude.diet import DEFAULT_DIET
from anyclaude.model_names import word_for_client
from anyclaude.settings import Settings, home_folder, variable_named

from .arguments import ASKING, client_arguments, mode_in_effect, permission_mode, permission_note, prints_text
from .diets import (
    CLIENT_DIETS,
    NOTHING_KNOWN,
    ClientDiet,
    DietChoice,
    FirstPrompts,
    diet_for,
    fits,
    has_chosen_tools,
    with_web_search,
)
from .environment import ClientPlan, Variable, chosen_output, client_environment, passthrough_environment
from .managed import check_managed, notes_on_managed
from .session_settings import session_settings
from .user_settings import JsonObject, UserSettings, read_user_settings
from .window import reply_cap, result_limits, room_tokens


class Invocation(Struct, frozen=True, dict=True):
    """How anyclaude was called: the arguments for the client, the environment, and the working directory."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path

    @property
    def home(self) -> Path:
        """The user's home folder."""
        return home_folder(self.environment)

    @cached_property
    def user_settings(self) -> UserSettings:
        """What the client will read from the user's settings files, read once."""
        return read_user_settings(self.arguments, self.environment, self.home, self.folder)


class Plan(Struct, frozen=True, kw_only=True):
    """
    The client's variables, our arguments and theirs, the settings for a file of ours, and notes for the user.

    `diet_reason` says why the diet is smaller than the window allows.  `permission_mode` is the one that the client
    will have, `None` if that is not known.
    """

    variables: tuple[Variable, ...]
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    settings: JsonObject
    diet: str
    diet_reason: str = ""
    permission_mode: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def diet_line(self) -> str:
        """The diet, and the reason for a small one."""
        return f"diet {self.diet}: {self.diet_reason}" if self.diet_reason else f"diet {self.diet}"

    def arguments(self, settings_file: Path) -> tuple[str, ...]:
        """Return all arguments; `settings_file` has `settings`."""
        return client_arguments(self.theirs, self.ours, settings_file)


def plan_client(
    invocation: Invocation,
    settings: Settings,
    target: BackendTarget | None,
    base_url: str,
    *,
    is_native: bool,
    choice: DietChoice | None = None,
) -> Plan:
    """
    Return the plan for a client of `target`; without one, for a client of Anthropic's own API.

    `choice` is its diet, by default the one for its window.

    Raises:
        ClientOverruled: when an administrator's settings send the client elsewhere.
    """
    if target is None:
        return _passthrough_plan(invocation, settings, base_url)
    user = invocation.user_settings
    choice = choice or diet_of(invocation, settings, target, is_native=is_native)
    if settings.web_search is not None:
        choice = DietChoice(with_web_search(choice.diet), choice.reason)
    diet = choice.diet
    facts = _facts(user, settings, target, diet, base_url, is_native=is_native)
    variables = client_environment(user, replace(facts, prints_text=prints_text(invocation.arguments)))
    names = _names(variables)
    check_managed(user, names, keeps_credentials=False)
    mode = permission_mode(invocation.arguments, user, settings.permission_mode or ASKING)
    word = word_for_client(settings.model, (target.model, *target.available_models))
    return Plan(
        variables=variables,
        ours=(*diet.arguments, *_flag("--permission-mode", mode), *_flag("--model", word)),
        theirs=invocation.arguments,
        settings=session_settings(user, variables, names, keeps_credentials=False),
        diet=diet.name,
        diet_reason=choice.reason,
        permission_mode=mode_in_effect(invocation.arguments, user, mode),
        notes=(
            *target.notes,
            *_window_notes(user, settings, target, choice, is_native=is_native),
            *(variable.note for variable in variables if variable.note),
            *_notes_of_settings(invocation, settings, variables),
        ),
    )


def _passthrough_plan(invocation: Invocation, settings: Settings, base_url: str) -> Plan:
    user = invocation.user_settings
    diet = passthrough_diet(invocation, settings)
    variables = passthrough_environment(user, base_url, diet.variables)
    check_managed(user, (), keeps_credentials=True)
    mode = permission_mode(invocation.arguments, user, settings.permission_mode)
    return Plan(
        variables=variables,
        ours=(*diet.arguments, *_flag("--permission-mode", mode), *_flag("--model", settings.model)),
        theirs=invocation.arguments,
        settings=session_settings(user, variables, (), keeps_credentials=True),
        diet=diet.name,
        permission_mode=mode_in_effect(invocation.arguments, user, mode),
    )


def passthrough_diet(invocation: Invocation, settings: Settings) -> ClientDiet:
    """Return the diet of a client of Anthropic's own API: `full`, unless the user chose another."""
    return _respecting(invocation, next(diet for diet in CLIENT_DIETS if diet.name == (settings.diet or "full")))


def diet_of(
    invocation: Invocation,
    settings: Settings,
    target: BackendTarget,
    *,
    is_native: bool,
    known: FirstPrompts = NOTHING_KNOWN,
) -> DietChoice:
    """
    Return the client's diet: a smaller one in a small window, or if the larger is known to be slow.

    Tools that the user chose are left alone.
    """
    wanted = settings.diet or (DEFAULT_DIET if _has_chosen_tools(invocation) else None)
    room = _room(invocation.user_settings, settings, target)
    choice = diet_for(room, wanted, is_native=is_native, known=known)
    return DietChoice(_respecting(invocation, choice.diet), choice.reason)


def _respecting(invocation: Invocation, diet: ClientDiet) -> ClientDiet:
    return replace(diet, arguments=(), loss="") if _has_chosen_tools(invocation) else diet


def _has_chosen_tools(invocation: Invocation) -> bool:
    return has_chosen_tools(invocation.arguments, invocation.user_settings.environment)


def _window(target: BackendTarget) -> int:
    return target.context_tokens or ASSUMED_CONTEXT_TOKENS


def _room(user: UserSettings, settings: Settings, target: BackendTarget) -> int:
    window = _window(target)
    return room_tokens(window, reply_cap(window, settings.max_output_tokens or chosen_output(user)))


def _facts(
    user: UserSettings, settings: Settings, target: BackendTarget, diet: ClientDiet, base_url: str, *, is_native: bool
) -> ClientPlan:
    return ClientPlan(
        base_url=base_url,
        model=target.model,
        models=target.models,
        available=target.available_models,
        context_tokens=_window(target),
        results=result_limits(_room(user, settings, target), diet.tokens(is_native=is_native)),
        max_output_tokens=settings.max_output_tokens,
        diet=diet.variables,
        is_native=is_native,
        is_window_known=target.context_tokens is not None,
    )


def _names(variables: Iterable[Variable]) -> tuple[str, ...]:
    """Return the names of models that the client is given."""
    given = (variable.value for variable in variables if variable.name.endswith("_MODEL") and variable.value)
    return tuple(dict.fromkeys(given))


def _flag(name: str, value: str | None) -> tuple[str, ...]:
    return () if value is None else (name, value)


def _window_notes(
    user: UserSettings, settings: Settings, target: BackendTarget, choice: DietChoice, *, is_native: bool
) -> Iterator[str]:
    window, diet = _window(target), choice.diet
    if target.context_tokens is None:
        yield (
            f"{target.profile.title} does not report the window of {target.model}; {window:,} tokens are "
            f"assumed. Set {variable_named('context_tokens')} if you know it."
        )
    if settings.diet is not None and not fits(diet, _room(user, settings, target), is_native=is_native):
        yield (
            f"With the diet {diet.name}, the prompt leaves little of a window of {window:,} tokens to work with; "
            f"if no diet is set, a smaller one is chosen."
        )
    elif choice.reason and diet.loss:
        yield f"With the diet {diet.name}, {diet.loss}."
    elif settings.diet is None and diet.name != DEFAULT_DIET and diet.loss:
        yield f"A window of {window:,} tokens is small for Claude Code's prompt: {diet.loss}."


def _notes_of_settings(invocation: Invocation, settings: Settings, variables: Sequence[Variable]) -> Iterator[str]:
    user = invocation.user_settings
    yield from notes_on_managed(user, variables)
    if note := permission_note(invocation.arguments, user, settings.permission_mode or ASKING):
        yield note
    if user.has_console_key:
        yield (
            "Claude Code will warn of a key from /login beside our token. It is harmless: the key is not sent, "
            "and you need not log out."
        )
