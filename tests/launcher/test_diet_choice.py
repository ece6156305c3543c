"""The diet of a launch, by what earlier launches have left behind."""

import os
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.parts.gateway import target_at

from anyclaude.backends import BackendTarget, EvaluationSpeeds, SlotFile
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.launcher import Invocation
from anyclaude.launcher.client import CLIENT_DIETS, Client, DietChoice
from anyclaude.launcher.client.diets import LEAN, MINIMAL
from anyclaude.launcher.diet_choice import choose_diet
from anyclaude.launcher.folders import first_prompts_folder, slot_snapshots_folder, speeds_file
from anyclaude.launcher.launch_key import launch_key_of
from anyclaude.launcher.servers import OwnEngine, Servers
from anyclaude.prewarm import LaunchKey
from anyclaude.prewarm.first_prompt import FirstPrompt
from anyclaude.prewarm.first_prompt_store import FirstPromptStore
from anyclaude.prewarm.slot_store import SlotStore
from anyclaude.settings import Settings

GARDEN, KITCHEN = Path("/garden"), Path("/kitchen")
CLIENT = Client(("claude",), is_native=True)
SERVER = replace(target_at("http://127.0.0.1:1/v1"), context_tokens=131_072)

TOKENS = LEAN.evaluated_tokens(is_native=True, is_interactive=True)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(log_dir=tmp_path / "logs", cache_dir=tmp_path / "cache")


def evaluates(settings: Settings, target: BackendTarget, tokens_per_second: float) -> None:
    """Let the server have evaluated a few prompts in earlier launches."""
    speeds = EvaluationSpeeds(speeds_file(settings))
    for tokens in (2_000, 5_000):
        for _ in range(5):
            speeds.remember(target, target.model, 0, tokens, tokens / tokens_per_second)


def key(folder: Path, diet: str, *words: str) -> LaunchKey:
    used = next(known for known in CLIENT_DIETS if known.name == diet)
    return launch_key_of(Invocation(words, {}, folder), CLIENT, used, SERVER.model)


def began_with(settings: Settings, folder: Path, diet: str) -> None:
    """Let a session in a folder have begun with a diet; those of earlier sessions become older."""
    recorded = first_prompts_folder(settings)
    for file in recorded.glob("*.json"):
        os.utime(file, (file.stat().st_mtime - 10,) * 2)
    FirstPromptStore(recorded).keep(FirstPrompt(key(folder, diet), msgspec.Raw(b"{}")))


def choice(settings: Settings, folder: Path = GARDEN, servers: Servers | None = None, *words: str) -> DietChoice:
    chosen = choose_diet(Invocation(words, {}, folder), settings, servers or Servers((SERVER,)), CLIENT)
    assert chosen is not None
    return chosen


def test_without_a_known_speed_the_window_alone_decides(settings: Settings) -> None:
    assert (choice(settings).diet.name, choice(settings).reason) == ("lean", "")


def test_a_slow_machine_gets_a_smaller_diet_and_the_reason(settings: Settings) -> None:
    evaluates(settings, SERVER, 80)

    chosen = choice(settings)

    assert chosen.diet.name == "minimal"
    assert "lean would take about" in chosen.reason
    assert "--diet lean" in chosen.reason


def test_a_fast_machine_keeps_the_default(settings: Settings) -> None:
    evaluates(settings, SERVER, 2_000)

    assert choice(settings).diet.name == "lean"


def test_one_answer_with_fewer_tools_is_fast_where_an_interactive_session_is_not(settings: Settings) -> None:
    evaluates(settings, SERVER, TOKENS / 17)

    assert choice(settings).diet.name == "minimal"
    assert choice(settings, GARDEN, None, "-p", "hi").diet.name == "lean"


def test_a_session_of_the_smaller_diet_alone_tells_about_the_larger_one(settings: Settings) -> None:
    """Else a machine would get the larger one again as soon as it has forgotten the first session."""
    speeds = EvaluationSpeeds(speeds_file(settings))
    speeds.remember(SERVER, SERVER.model, 0, MINIMAL.prompt_tokens, 40.0)

    assert choice(settings).diet.name == "minimal"


def test_the_users_choice_wins_on_any_machine(settings: Settings) -> None:
    evaluates(settings, SERVER, 1)

    assert choice(replace(settings, diet="full")).diet.name == "full"


def test_tools_that_the_user_chose_are_left_alone_on_any_machine(settings: Settings) -> None:
    evaluates(settings, SERVER, 1)

    chosen = choice(settings, GARDEN, None, "--tools", "Bash")

    assert (chosen.diet.name, chosen.diet.arguments, chosen.reason) == ("lean", (), "")


def test_no_machine_is_so_slow_that_claude_md_is_left_out(settings: Settings) -> None:
    evaluates(settings, SERVER, 1)

    assert choice(settings).diet.name == "minimal"


def test_a_project_keeps_the_diet_whose_prompt_the_server_has_kept(settings: Settings) -> None:
    evaluates(settings, SERVER, 80)
    began_with(settings, GARDEN, "lean")

    assert choice(settings).diet.name == "lean"
    assert choice(settings, KITCHEN).diet.name == "minimal"


def test_without_prewarming_no_prompt_is_taken_for_kept(settings: Settings) -> None:
    evaluates(settings, SERVER, 80)
    began_with(settings, GARDEN, "lean")

    assert choice(replace(settings, prewarm=False)).diet.name == "minimal"


def test_a_project_does_not_return_to_the_larger_diet_for_a_little_more_speed(settings: Settings) -> None:
    """A first prompt of `lean` takes 12 s: too long to return to, short enough to begin with."""
    evaluates(settings, SERVER, TOKENS / 12)
    began_with(settings, GARDEN, "minimal")

    assert choice(settings).diet.name == "minimal"
    assert choice(settings, KITCHEN).diet.name == "lean"


def test_a_project_returns_to_the_larger_diet_when_the_machine_is_fast(settings: Settings) -> None:
    evaluates(settings, SERVER, 2_000)
    began_with(settings, GARDEN, "minimal")

    assert choice(settings).diet.name == "lean"


def test_a_session_that_is_continued_keeps_its_diet_on_a_fast_machine(settings: Settings) -> None:
    evaluates(settings, SERVER, 2_000)
    began_with(settings, GARDEN, "lean")
    began_with(settings, GARDEN, "minimal")

    assert choice(settings, GARDEN, None, "--continue").diet.name == "minimal"


def test_estimates_that_vary_around_the_limit_change_the_diet_of_a_project_once_at_most(settings: Settings) -> None:
    diets = []
    for seconds in (16, 14, 17, 13, 20, 14.9, 15.1, 12, 18):
        evaluates(settings, SERVER, TOKENS / seconds)
        diets.append(choice(settings).diet.name)
        began_with(settings, GARDEN, diets[-1])

    assert diets == ["minimal"] * 9


def test_in_mode_claude_nothing_is_chosen() -> None:
    assert choose_diet(Invocation((), {}, GARDEN), Settings(mode="claude"), Servers(()), CLIENT) is None


def embedded(engine: EmbeddedEngine) -> Servers:
    target = replace(target_at("http://127.0.0.1:1/v1", "embedded", parallel_requests=1), context_tokens=131_072)
    return Servers((target,), OwnEngine(target, engine, "identity"))


async def test_the_embedded_engine_has_a_prompt_only_in_a_snapshot(
    settings: Settings, tiny_engine: EmbeddedEngine
) -> None:
    servers = embedded(tiny_engine)
    evaluates(settings, servers.targets[0], 80)
    began_with(settings, GARDEN, "lean")
    folder = slot_snapshots_folder(settings)

    before = choice(settings, GARDEN, servers).diet.name
    folder.mkdir(parents=True)
    (folder / "written").write_bytes(b"x")
    SlotStore(folder, "identity", 1_000).keep(key(GARDEN, "lean"), "session", "written", SlotFile(tokens=1, bytes=1))

    assert before == "minimal"
    assert choice(settings, GARDEN, servers).diet.name == "lean"
    assert choice(replace(settings, slot_snapshots_mib=0), GARDEN, servers).diet.name == "minimal"


async def test_a_snapshot_of_another_project_has_the_beginning(settings: Settings, tiny_engine: EmbeddedEngine) -> None:
    servers = embedded(tiny_engine)
    evaluates(settings, servers.targets[0], 80)
    folder = slot_snapshots_folder(settings)
    folder.mkdir(parents=True)
    (folder / "written").write_bytes(b"x")
    SlotStore(folder, "identity", 1_000).keep(key(KITCHEN, "lean"), "session", "written", SlotFile(tokens=1, bytes=1))

    assert choice(settings, GARDEN, servers).diet.name == "lean"
