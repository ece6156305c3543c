"""How a model's replies are sampled if a request does not say."""

from pathlib import Path

import aiohttp
import pytest
from gguf import GGUFReader, GGUFValueType, GGUFWriter
from gguf.scripts.gguf_new_metadata import MetadataDetails, copy_with_new_metadata
from tests.parts.engines import running

from anyclaude.engine import EngineOptions
from anyclaude.engine.gguf import GgufMetadata, read_metadata
from anyclaude.engine.sampling import GREEDY, LOW_TEMPERATURE, Sampling, sampling_for

QWEN_CODER = Sampling(temperature=0.7, top_k=20, top_p=0.8, repeat_penalty=1.05)
QWEN3_THINKING = Sampling(temperature=0.6, top_k=20, top_p=0.95, min_p=0.0)
QWEN3_INSTRUCT = Sampling(temperature=0.7, top_k=20, top_p=0.8, min_p=0.0)


def named(name: str, size: str = "") -> Sampling:
    return sampling_for(GgufMetadata({"general.name": name, "general.size_label": size}))


@pytest.mark.parametrize(
    ("name", "sampling"),
    [
        ("SmolLM2 135M Instruct", GREEDY),
        ("SmolLM2 1.7B Instruct", Sampling(temperature=0.2, top_p=0.9)),
        ("Qwen2.5 Coder 0.5B Instruct", LOW_TEMPERATURE),
        ("qwen2.5-coder-1.5b-instruct", LOW_TEMPERATURE),
        ("Qwen2.5-Coder-32B-Instruct", QWEN_CODER),
        ("Qwen2.5 14B Instruct", QWEN_CODER),
        ("Qwen3 Coder 30B A3B Instruct", QWEN_CODER),
        ("Qwen3-Coder-Next", Sampling(temperature=1.0, top_k=40, top_p=0.95)),
        ("Qwen3 1.7B", QWEN3_THINKING),
        ("Qwen3-30B-A3B-Thinking-2507", QWEN3_THINKING),
        ("Qwen3 30B A3B Instruct 2507", QWEN3_INSTRUCT),
        ("Qwen3.5 35B A3B", Sampling()),
        ("DeepSeek R1 Distill Qwen 7B", Sampling(temperature=0.6, top_p=0.95)),
        ("DeepSeek-R1-0528-Qwen3-8B", Sampling(temperature=0.6, top_p=0.95)),
        ("Gpt-Oss-20B", Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)),
        ("Openai_Gpt Oss 20b", Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)),
        ("Devstral Small 2507", Sampling(temperature=0.15)),
        ("Mistral Small 3.2 24B Instruct 2506", Sampling(temperature=0.15)),
        ("Gemma 3 12b It", Sampling(temperature=1.0, top_k=64, top_p=0.95, min_p=0.0)),
        ("gemma-3n-E4B-it", Sampling(temperature=1.0, top_k=64, top_p=0.95, min_p=0.0)),
        ("Meta Llama 3.1 8B Instruct", Sampling(temperature=0.6, top_p=0.9)),
        ("TinyLlama 1.1B Chat", Sampling()),
        ("GLM 4.6", Sampling(temperature=1.0, top_k=40, top_p=0.95)),
        ("Somebody's Model 7B", Sampling()),
        ("", Sampling()),
    ],
)
def test_a_family_is_sampled_as_its_makers_recommend_and_an_unknown_one_as_llama_cpp_does(
    name: str, sampling: Sampling
) -> None:
    assert named(name) == sampling


def test_the_size_may_stand_beside_the_name() -> None:
    assert named("Qwen2.5 Coder Instruct", "1.5B") == LOW_TEMPERATURE


def test_a_real_model_is_known_by_its_metadata(smollm2_model: Path) -> None:
    assert sampling_for(read_metadata(smollm2_model)) == GREEDY


@pytest.mark.parametrize("name", ["Qwen3 Coder 30B A3B", "qwen3-coder-30b-a3b", "QWEN3_CODER_30B", "Qwen 3  Coder"])
def test_the_separators_and_the_case_of_a_name_do_not_matter(name: str) -> None:
    assert named(name) == QWEN_CODER


def with_sampling_in_the_file(model: Path, name: str, target: Path, **recommended: float) -> Path:
    """Write the model under another name, with a recommendation in its metadata, as llama.cpp's converter does."""
    reader, writer = GGUFReader(model), GGUFWriter(target, "llama")
    entries = {"general.name": name, **{f"general.sampling.{key}": value for key, value in recommended.items()}}
    details = {key: MetadataDetails(GGUFValueType.get_type(value), value) for key, value in entries.items()}
    copy_with_new_metadata(reader, writer, details, [])
    return target


async def sampled(model: Path, folder: Path, options: EngineOptions) -> dict[str, float]:
    """Return the sampling of a request that says nothing, as the running engine reports it."""
    async with running(model, folder, options) as engine, aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {engine.api_key}"}
        async with session.get(f"{engine.base_url}/props", headers=headers) as response:
            props = await response.json()
    parameters = props["default_generation_settings"]["params"]
    return {key: round(parameters[key], 3) for key in ("temperature", "top_k", "top_p", "min_p", "repeat_penalty")}


async def test_the_engine_samples_as_its_model_is_known(tiny_model: Path, tmp_path: Path) -> None:
    model = with_sampling_in_the_file(tiny_model, "Qwen3 Coder 30B A3B", tmp_path / "model.gguf")

    parameters = await sampled(model, tmp_path, EngineOptions(context_tokens=256))

    assert parameters == {"temperature": 0.7, "top_k": 20, "top_p": 0.8, "min_p": 0.05, "repeat_penalty": 1.05}


async def test_what_the_model_file_recommends_wins_over_the_table_and_the_options_over_both(
    tiny_model: Path, tmp_path: Path
) -> None:
    model = with_sampling_in_the_file(tiny_model, "Qwen3 Coder 30B A3B", tmp_path / "model.gguf", temp=0.33, top_k=7)
    chosen = EngineOptions(context_tokens=256, sampling=Sampling(top_k=9))

    parameters = await sampled(model, tmp_path, chosen)

    assert parameters == {"temperature": 0.33, "top_k": 9, "top_p": 0.8, "min_p": 0.05, "repeat_penalty": 1.05}
