"""
Flags with which a user's own server would answer faster, or keep more: what each helps, and what it brought.

The names are those of the releases in `SERVER_FLAGS`: llama-server's own `--help`, `vllm/engine/arg_utils.py` and
`vllm/entrypoints/launchers/cli_args.py`, `vllm_mlx/cli.py`, and `mlx_lm/server.py`.  Flags that anyclaude would make no
use of are left out, such as llama-server's `--slot-save-path`: only of its own engine does it save slots.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from msgspec import Struct

from .base import BackendName

NOT_MEASURED = "not measured"


class Told(Struct, frozen=True):
    """
    Where a server tells about a flag: a route from its root, and a pattern that finds the value in its answer.

    `unset` are the values of a server without the flag, `absent` stands for none that is found.
    """

    path: str
    pattern: str
    unset: tuple[str, ...]
    absent: str = ""


FlagState: TypeAlias = Literal["set", "unset", "untold"]


class ServerFlag(Struct, frozen=True, kw_only=True):
    """
    One flag, with its value or beside others that it needs.

    `brought` is what a benchmark has measured with it, and `command` the benchmark (docs/benchmarks.md).  `since` is
    the oldest release that is known to have it.
    """

    words: str
    helps: str
    brought: str = NOT_MEASURED
    command: str = ""
    since: tuple[int, ...] = ()
    told: Told | None = None


class ServerFlags(Struct, frozen=True):
    """The flags of a kind of server, and the release whose flags they are."""

    release: str
    flags: tuple[ServerFlag, ...]


SLOTS = "python -m benchmarks.slots"

# llama.cpp issue 19232 shows a build 7895 that has `--spec-type ngram-mod` and chooses four slots by itself, and issue
# 23929 a build 9438 with a list of types.
_FIRST_NGRAM = (7895,)
_FIRST_MTP = (9438,)

LLAMACPP_FLAGS = ServerFlags(
    "b11669",
    (
        ServerFlag(
            words="--spec-type ngram-mod",
            helps="generation, where a reply repeats what was read: edits, files that are written again",
            since=_FIRST_NGRAM,
            # `/props` says "none" whatever the flag is (b11669, tried).
            told=Told("/slots", r'"speculative":\s*(true|false)', unset=("false",)),
        ),
        ServerFlag(
            words="--spec-type draft-mtp,ngram-mod",
            helps="generation, of a model whose file has heads for several tokens (MTP)",
            since=_FIRST_MTP,
        ),
        ServerFlag(
            words="--parallel 4 --kv-unified",
            helps="sub-agents that work at the same time; they share the window",
            brought="no fewer tokens are evaluated than with one slot, 16,328 and 16,324; the time was not measured",
            command=SLOTS,
            since=_FIRST_NGRAM,
            told=Told("/props", r'"total_slots":\s*(\d+)', unset=("1",)),
        ),
        ServerFlag(
            words="--cache-ram 8192",
            helps="conversations that have lost their slot, which are else evaluated again; its default, if not 0",
            brought="16,324 evaluated tokens in place of 55,908 with one slot, 16,325 in place of 35,370 with two",
            command=SLOTS,
            since=_FIRST_NGRAM,
        ),
        ServerFlag(
            words="--slot-prompt-similarity 0.95",
            helps="sub-agents, whose prompts begin alike, so that they do not overwrite each other; "
            "only with --parallel 1 or --no-kv-unified",
            brought="13,886 evaluated tokens in place of 16,324 with one slot, 14,139 in place of 16,325 with four; "
            "with --kv-unified it costs: 17,399 in place of 16,328",
            command=SLOTS,
            since=_FIRST_NGRAM,
        ),
        ServerFlag(
            words="--cache-type-k q8_0 --cache-type-v q8_0",
            helps="the window, which takes half the memory, or may be twice as large",
            since=_FIRST_NGRAM,
        ),
        ServerFlag(
            words="--swa-full",
            helps="models with a sliding window (Gemma 3, gpt-oss), whose prompts can then be continued anywhere, for "
            "more memory",
            since=_FIRST_NGRAM,
        ),
        ServerFlag(
            words="--batch-size 512",
            helps="a request that waits while the prompt of another one is evaluated that was given up",
            since=_FIRST_NGRAM,
        ),
    ),
)

# The oldest release whose documentation has `speculative_config` with the method `ngram` (docs.vllm.ai/en/v0.14.0).
_FIRST_VLLM = (0, 14)
_CACHE = r'vllm:cache_config_info\{{[^}}]*\b{label}="([^"]*)"'

VLLM_FLAGS = ServerFlags(
    "0.32.0",
    (
        ServerFlag(
            words='--speculative-config \'{"method": "ngram", "num_speculative_tokens": 5, "prompt_lookup_max": 4}\'',
            helps="generation, where a reply repeats what was read: edits, files that are written again",
            since=_FIRST_VLLM,
            told=Told("/metrics", r"(vllm:spec_decode_num_drafts)", unset=("none",), absent="none"),
        ),
        ServerFlag(
            words="--enable-prefix-caching",
            helps="every turn, whose prompt begins as the one before; its default",
            since=_FIRST_VLLM,
            told=Told("/metrics", _CACHE.format(label="enable_prefix_caching"), unset=("False", "None")),
        ),
        ServerFlag(
            words="--enable-auto-tool-choice --tool-call-parser PARSER",
            helps="tool calls, which arrive as such; without, they are found in the text of the reply",
            since=_FIRST_VLLM,
        ),
        ServerFlag(
            words="--enable-prompt-tokens-details",
            helps="`anyclaude explain`, which then knows what was in the cache",
            since=_FIRST_VLLM,
        ),
        ServerFlag(
            words="--kv-cache-dtype fp8",
            helps="the window, which takes half the memory, or may be twice as large",
            since=_FIRST_VLLM,
            told=Told("/metrics", _CACHE.format(label="cache_dtype"), unset=("auto", "bfloat16", "float16", "half")),
        ),
        ServerFlag(
            words="--max-num-seqs 16",
            helps="the memory for the window: anyclaude sends sixteen requests at a time, and it plans for more",
            since=_FIRST_VLLM,
        ),
    ),
)

VLLM_MLX_FLAGS = ServerFlags(
    "0.6.0",
    (
        ServerFlag(
            words="--continuous-batching",
            helps="sub-agents that work at the same time, and prompts that are kept for the next turn; "
            "alone, a reply may be slower",
        ),
        ServerFlag(
            words="--continuous-batching --cache-memory-percent 0.3",
            helps="more conversations that are kept; the default is a fifth of the memory",
        ),
        ServerFlag(
            words="--continuous-batching --ssd-cache-dir FOLDER",
            helps="conversations that memory has no room for, and the first launch after a restart",
        ),
        ServerFlag(
            words="--continuous-batching --kv-cache-quantization",
            helps="kept conversations, which take half the memory",
        ),
        ServerFlag(
            words="--continuous-batching --chunked-prefill-tokens 2048",
            helps="replies that are being written while a long prompt is evaluated",
        ),
        ServerFlag(
            words="--continuous-batching --enable-mtp",
            helps="generation, of a model that has heads for several tokens (MTP)",
        ),
        ServerFlag(
            words="--enable-auto-tool-choice --tool-call-parser PARSER",
            helps="tool calls, which arrive as such; without, they are found in the text of the reply",
        ),
    ),
)

MLX_FLAGS = ServerFlags(
    "0.32.2",
    (
        ServerFlag(
            words="--draft-model MODEL --num-draft-tokens 3",
            helps="generation, with a small model of the same family; requests are then served one at a time",
        ),
        ServerFlag(
            words="--prompt-cache-size 20",
            helps="more conversations that are kept; the default is ten, and --prompt-cache-bytes limits their memory",
        ),
        ServerFlag(
            words="--kv-bits 8",
            helps="the window, which takes half the memory; requests are then served one at a time",
        ),
        ServerFlag(
            words="--prompt-concurrency 1",
            helps="the memory for prompts that are evaluated at the same time, eight by default",
        ),
    ),
)

SERVER_FLAGS: Mapping[BackendName, ServerFlags] = MappingProxyType(
    {"llamacpp": LLAMACPP_FLAGS, "vllm": VLLM_FLAGS, "vllm-mlx": VLLM_MLX_FLAGS, "mlx": MLX_FLAGS}
)
"""By the names of profiles; of the other kinds no flags are known."""


def flag_state(flag: ServerFlag, answer: str | None) -> tuple[FlagState, str]:
    """Return whether a server has a flag, and the value it tells, by its answer; `None` if it gave none."""
    if flag.told is None or answer is None:
        return "untold", ""
    found = re.search(flag.told.pattern, answer)
    value = found[1] if found else flag.told.absent
    if not found and not value:
        return "untold", ""
    return ("unset" if value in flag.told.unset else "set"), value


def has_flag(flag: ServerFlag, version: str | None) -> bool:
    """Return whether a server of this version has a flag, as far as its version is known."""
    numbers = version_numbers(version)
    return not numbers or numbers >= flag.since


def version_numbers(version: str | None) -> tuple[int, ...]:
    """Return the numbers that a version begins with: of `0.32.0+cpu`, of `b11669-Debian`; none of another text."""
    found = re.match(r"[bv]?(\d+(?:\.\d+)*)", version or "")
    return tuple(map(int, found[1].split("."))) if found else ()
