"""
How a model's replies are sampled if the request does not say, as Claude Code's do not.

What the model file itself recommends (`general.sampling.*`) is applied by llama.cpp when it loads the model, and wins
over this table (`common_init_sampler_from_model`, common/common.cpp).  Few files have these entries, so the table has
what the models' cards and their `generation_config.json` recommend.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from .gguf import GgufMetadata


class Sampling(Struct, frozen=True):
    """Parameters of llama.cpp's samplers; `None` leaves one at llama.cpp's default."""

    temperature: float | None = None
    top_k: int | None = None
    """0 for any number."""
    top_p: float | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None


class SamplingRule(Struct, frozen=True):
    """The sampling of the models whose name matches, in lower case and with spaces between its words."""

    name: re.Pattern[str]
    sampling: Sampling


def _rule(name: str, sampling: Sampling) -> SamplingRule:
    return SamplingRule(re.compile(name), sampling)


GREEDY = Sampling(temperature=0.0)
LOW_TEMPERATURE = Sampling(temperature=0.2)
_QWEN_CODER = Sampling(temperature=0.7, top_k=20, top_p=0.8, repeat_penalty=1.05)
_QWEN3_THINKING = Sampling(temperature=0.6, top_k=20, top_p=0.95, min_p=0.0)
_QWEN3_INSTRUCT = Sampling(temperature=0.7, top_k=20, top_p=0.8, min_p=0.0)
_GLM = Sampling(temperature=1.0, top_k=40, top_p=0.95)

SAMPLING_RULES = (
    # The demonstration model.  Asked by Claude Code to say hello, it repeated itself for 52 s in 1 of 14 runs with the
    # 0.2 of its card; without chance it answers with one sentence.
    _rule(r"smollm2\b.*\b135m\b", GREEDY),
    _rule(r"smollm2\b", Sampling(temperature=0.2, top_p=0.9)),
    # Small models write calls best when they are sampled with little chance.  In one sitting, Qwen2.5-Coder-1.5B behind
    # Claude Code did the task of `benchmarks.fix_task` in 4 of 6 runs with it, and in 1 of 4 with llama.cpp's 0.8.
    _rule(r"smollm\b", LOW_TEMPERATURE),
    _rule(r"qwen ?2\.5 coder\b.*\b(?:0\.5|1\.5|3)b\b", LOW_TEMPERATURE),
    # A distilled model bears the name of the one that was taught; DeepSeek's advice is for all of them.
    _rule(r"deepseek r1\b", Sampling(temperature=0.6, top_p=0.95)),
    _rule(r"qwen ?2\.5\b", _QWEN_CODER),
    _rule(r"qwen ?3 coder next\b", Sampling(temperature=1.0, top_k=40, top_p=0.95)),
    _rule(r"qwen ?3 coder\b", _QWEN_CODER),
    _rule(r"qwen ?3\b(?!\.\d).*\binstruct\b", _QWEN3_INSTRUCT),
    _rule(r"qwen ?3\b(?!\.\d)", _QWEN3_THINKING),
    _rule(r"qwq\b", Sampling(temperature=0.6, top_k=40, top_p=0.95)),
    # The distribution as it is, so that llama.cpp's own limits are off too.
    _rule(r"gpt oss\b", Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0)),
    _rule(r"devstral\b|mistral small 3\b|mistral small 24b\b", Sampling(temperature=0.15)),
    _rule(r"magistral\b", Sampling(temperature=0.7, top_p=0.95)),
    _rule(r"mistral nemo\b", Sampling(temperature=0.3)),
    _rule(r"gemma 3n?\b", Sampling(temperature=1.0, top_k=64, top_p=0.95, min_p=0.0)),
    _rule(r"llama 3(?:\.\d)?\b", Sampling(temperature=0.6, top_p=0.9)),
    _rule(r"glm 4\.6\b", _GLM),
    _rule(r"glm 4\.7\b", Sampling(temperature=1.0, top_p=0.95)),
    _rule(r"minimax m2\b", _GLM),
    _rule(r"lfm2\b(?!\.\d)", Sampling(temperature=0.3, min_p=0.15, repeat_penalty=1.05)),
)
"""The first rule that matches counts.  Sources: the cards of the models at Hugging Face, and their
`generation_config.json` (Llama 3, Qwen2.5, QwQ)."""

PARAMETERS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "temperature": ("temp", 1 << 6),
        "top_k": ("top_k", 1 << 1),
        "top_p": ("top_p", 1 << 2),
        "min_p": ("min_p", 1 << 3),
        "repeat_penalty": ("penalty_repeat", 1 << 8),
    }
)
"""llama.cpp's name of each parameter, and the bit by which it knows that the model file must not change it
(`common_params_sampling_config`, common/common.h)."""


def sampling_for(model: GgufMetadata) -> Sampling:
    """Return the sampling that suits a model; llama.cpp's own for a model that is not known."""
    name = re.sub(r"[\s_-]+", " ", " ".join((*model.names, model.size_label))).lower()
    return next((rule.sampling for rule in SAMPLING_RULES if rule.name.search(name)), Sampling())
