"""Speculation is found beside the model, drafts what repeats, and changes no reply of a short conversation."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from gguf import GGUFWriter
from tests.parts.engines import ask, running

from anyclaude.engine import EngineOptions
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.engine.gguf import read_metadata
from anyclaude.engine.speculation import OFF, SHORT, draft_model_beside, has_prediction_heads

NAMES = ("width", "height", "depth", "weight", "price")
CODE = "".join(
    f"def total_{name}(rows, session):\n    found = session.get('{name}', 0)\n"
    f"    return found + sum(row['{name}'] for row in rows)\n\n"
    for name in NAMES
)
COPIED = tuple(
    f"Write only the function total_{name}, with `{old}` renamed to `{new}`."
    for name in NAMES
    for old, new in (("rows", "lines"), ("session", "store"), ("found", "start"), ("row", "line"), ("sum", "add"))
)
CALLS = tuple(
    f"Call Edit so that total_{name} {what}."
    for name in NAMES
    for what in ("returns 0", "logs its result", "takes no session")
)
PROSE = tuple(
    f"{question} Answer in one sentence."
    for question in (
        *("What is a hash table?", "What does `sum` do?", "Name a prime number.", "Why is the sky blue?"),
        *("Who wrote Hamlet?", "What is TCP?", "What is 7 times 8?", "Why do leaves fall?", "What is a mutex?"),
        "Think step by step: is 91 prime?",
    )
)
EDIT_SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"const": "Edit"},
        "arguments": {
            "type": "object",
            "properties": {"old_string": {"type": "string"}, "new_string": {"type": "string"}},
            "required": ["old_string", "new_string"],
        },
    },
    "required": ["name", "arguments"],
}


class Generated(msgspec.Struct):
    """The tokens of a reply, and llama.cpp's counts."""

    tokens: tuple[int, ...]
    timings: dict[str, float]

    @property
    def drafted(self) -> tuple[float, float]:
        """How many tokens were drafted, and how many of them accepted."""
        return self.timings.get("draft_n", 0), self.timings.get("draft_n_accepted", 0)


class _Probabilities(msgspec.Struct):
    completion_probabilities: list[object]


class _Applied(msgspec.Struct):
    prompt: str


async def generated(engine: EmbeddedEngine, question: str, *, schema: object = None, tokens: int = 24) -> Generated:
    """Return the engine's reply to a question about the code, at temperature 0, token by token."""
    messages = [{"role": "user", "content": f"```python\n{CODE}\n```\n{question}"}]
    prompt = msgspec.convert(await ask(engine, "/apply-template", {"messages": messages}), _Applied).prompt
    body = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "return_tokens": True, "cache_prompt": True}
    grammar = {} if schema is None else {"json_schema": schema}
    return msgspec.convert(await ask(engine, "/completion", {**body, **grammar}), Generated)


async def probabilities(engine: EmbeddedEngine, tokens: Sequence[int], *, in_batches_of: int) -> object:
    """Return what may follow tokens, the last 12 evaluated in batches of a size, with the logarithms of chances."""
    asked = {"temperature": 0, "cache_prompt": True, "n_probs": 8, "ignore_eos": True}
    await ask(engine, "/completion", {**asked, "prompt": [7, 8, 9, in_batches_of], "n_predict": 1})  # clears the slot
    for end in range(len(tokens) - 12, len(tokens), in_batches_of):
        await ask(engine, "/completion", {**asked, "prompt": [*tokens[:end]], "n_predict": 0})
    completion = await ask(engine, "/completion", {**asked, "prompt": [*tokens], "n_predict": 1})
    return msgspec.convert(completion, _Probabilities).completion_probabilities


async def replies(model: Path, folder: Path, options: EngineOptions) -> list[Generated]:
    """Return the replies to all questions, of one engine in one order."""
    async with running(model, folder, options) as engine:
        free = [await generated(engine, question) for question in (*COPIED, *PROSE)]
        return free + [await generated(engine, question, schema=EDIT_SCHEMA, tokens=40) for question in CALLS]


@pytest.mark.slow
async def test_no_reply_of_a_short_conversation_changes_at_temperature_0(qwen_model: Path, tmp_path: Path) -> None:
    assert len(COPIED) + len(PROSE) + len(CALLS) >= 50

    without = await replies(qwen_model, tmp_path, EngineOptions(context_tokens=2048, speculation=OFF))
    drafted = await replies(qwen_model, tmp_path, EngineOptions(context_tokens=2048, speculation=SHORT))

    assert [reply.tokens for reply in drafted] == [reply.tokens for reply in without]
    assert accepted_share(drafted[: len(COPIED)]) > 0.5
    assert {reply.drafted for reply in without} == {(0, 0)}
    assert any(reply.drafted[1] for reply in drafted[-len(CALLS) :]), "the grammar must not keep drafts out"


@pytest.mark.slow
@pytest.mark.parametrize(("length", "is_same"), [(112, True), (600, False)], ids=["few cells", "over 512 cells"])
async def test_up_to_three_tokens_of_a_batch_are_computed_as_one_by_one_over_few_cells_only(
    length: int, is_same: bool, qwen_model: Path, tmp_path: Path
) -> None:
    options = EngineOptions(context_tokens=2048, speculation=OFF, cache_ram_mib=0)

    async with running(qwen_model, tmp_path, options) as engine:
        tokens = range(1000, 1000 + length)
        alone, *together = [await probabilities(engine, tokens, in_batches_of=size) for size in (1, 2, 3)]

    assert together == [alone, alone] if is_same else alone not in together, "then drafts may be the default"


async def test_a_draft_model_drafts_what_nothing_repeats(smollm2_model: Path, tmp_path: Path) -> None:
    plain = EngineOptions(context_tokens=1024, speculation=OFF)
    # A model that drafts for itself is always right.
    drafting = EngineOptions(context_tokens=1024, draft_model=str(smollm2_model))

    async with running(smollm2_model, tmp_path, plain) as engine:
        without = await generated(engine, PROSE[0])
    async with running(smollm2_model, tmp_path, drafting) as engine:
        reply = await generated(engine, PROSE[0])

    assert reply.tokens == without.tokens
    assert accepted_share([reply]) > 0.9


async def test_a_model_beside_which_no_draft_model_can_run_starts_without_it(
    smollm2_model: Path, tmp_path: Path
) -> None:
    model, draft = shutil.copyfile(smollm2_model, tmp_path / "model.gguf"), tmp_path / "model-draft.gguf"
    shutil.copyfile(smollm2_model, draft)
    os.truncate(draft, draft.stat().st_size - (1 << 20))  # its metadata are whole, its weights are not
    assert draft_model_beside(model) == draft

    async with running(model, tmp_path / "logs", EngineOptions(context_tokens=1024, speculation=SHORT)) as engine:
        reply = await generated(engine, PROSE[0], tokens=4)
        log = engine.log_file.read_text()

    assert len(reply.tokens) == 4
    assert "starts again without a draft model" in log


async def test_a_draft_model_that_was_asked_for_must_run(smollm2_model: Path, tmp_path: Path) -> None:
    missing = EngineOptions(context_tokens=1024, draft_model=str(tmp_path / "none.gguf"))

    with pytest.raises(Exception, match=r"none\.gguf"):
        async with running(smollm2_model, tmp_path, missing):
            pass


def test_the_only_smaller_draft_with_the_same_tokenizer_is_found(tmp_path: Path) -> None:
    model = written(tmp_path / "coder.gguf", padding=1000)
    assert draft_model_beside(model) is None

    draft = written(tmp_path / "coder-DRAFT-q4.gguf")
    assert draft_model_beside(model) == draft
    assert draft_model_beside(draft) is None, "a draft model has none itself"

    written(tmp_path / "other-draft.gguf")
    assert draft_model_beside(model) is None, "of two, none is meant"


@pytest.mark.parametrize("draft", ["larger", "another tokenizer", "damaged"])
def test_what_cannot_draft_is_not_found(draft: str, tmp_path: Path) -> None:
    model, path = written(tmp_path / "coder.gguf", padding=1000), tmp_path / "coder-draft.gguf"
    match draft:
        case "larger":
            written(path, padding=2000)
        case "another tokenizer":
            written(path, tokenizer="other")
        case _:
            path.write_bytes(b"GGUF")

    assert draft_model_beside(model) is None


def test_prediction_heads_are_read_from_the_metadata(tmp_path: Path) -> None:
    assert not has_prediction_heads(read_metadata(written(tmp_path / "without.gguf")))
    assert has_prediction_heads(read_metadata(written(tmp_path / "with.gguf", heads=1)))


def test_short_drafts_are_small_enough_for_a_batch_of_three() -> None:
    assert SHORT.draft_tokens + 1 <= 3


def accepted_share(drafted: Sequence[Generated]) -> float:
    """Return the share of the drafted tokens that was accepted."""
    return sum(reply.drafted[1] for reply in drafted) / sum(reply.drafted[0] for reply in drafted)


def written(path: Path, *, tokenizer: str = "gpt2", heads: int = 0, padding: int = 0) -> Path:
    """Write the metadata of a model, and so many bytes more."""
    writer = GGUFWriter(path, "qwen2")
    writer.add_tokenizer_model(tokenizer)
    if heads:
        writer.add_uint32("qwen2.nextn_predict_layers", heads)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    path.write_bytes(path.read_bytes() + bytes(padding))
    return path
