"""The embedded engine as the server of a run."""

from dataclasses import replace
from pathlib import Path

from tests.parts.null_progress import NullProgress

from anyclaude.engine.devices import Device
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.engine.unused_gpus import Gpu, install_command
from anyclaude.launcher.embedded import engine_target, running_engine
from anyclaude.settings import Settings


async def test_an_engine_is_a_target_with_its_own_key_and_slots(tiny_engine: EmbeddedEngine) -> None:
    target = engine_target(tiny_engine, Settings(haiku_model="small"))

    assert target.base_url == f"{tiny_engine.base_url}/v1"
    assert target.api_key is not None
    assert target.api_key.reveal() == tiny_engine.api_key
    assert (target.models, target.parallel_requests) == ({"haiku": "small"}, tiny_engine.slots)


async def test_an_engine_says_what_computes_and_which_card_it_should_use_and_cannot(
    tiny_engine: EmbeddedEngine,
) -> None:
    card = Gpu("NVIDIA", "GeForce RTX 3090", has_own_memory=True, build="cu128", needs="a driver")
    shared = Gpu("Intel", "graphics card", has_own_memory=False, build="vulkan", needs="a driver")
    without = replace(tiny_engine, devices=(), computed_on="the processor (2 threads)")
    with_it = replace(tiny_engine, devices=(Device("CUDA0", "RTX", "gpu", 1, 1),))

    target = engine_target(without, Settings(), (card, shared))

    assert target.computed_on == "the processor (2 threads)"
    (note,) = target.notes
    assert note.startswith("the NVIDIA GeForce RTX 3090 is not used: ")
    assert note.endswith(f": `{install_command(card)}`")
    assert engine_target(with_it, Settings(), (card, shared)).notes == ()


async def test_the_replies_of_the_demonstration_model_are_limited_and_those_of_a_chosen_one_are_not(
    tiny_engine: EmbeddedEngine,
) -> None:
    assert engine_target(tiny_engine, Settings()).profile.max_reply_characters is not None
    assert engine_target(tiny_engine, Settings(model="mine.gguf")).profile.max_reply_characters is None


async def test_a_window_that_memory_limits_is_reported_and_one_that_was_set_is_not(
    tiny_model: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    settings = Settings(model=str(tiny_model), context_tokens=1024, log_dir=tmp_path, cache_dir=tmp_path / "cache")
    async with running_engine(settings, NullProgress(), said.append) as own_engine:
        assert own_engine.target.context_tokens == 1024

    assert said == []
    assert (tmp_path / "cache" / "kept-states").is_dir()
