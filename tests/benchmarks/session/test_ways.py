"""A short session with the real client, on a model with random weights."""

from pathlib import Path

from benchmarks.session.ways import DIRECT, WARM, play

KINDS = ["read", "rewrite", "run", "answer"]


async def test_directly_the_first_turn_evaluates_its_whole_prompt_and_the_next_the_rest(
    tiny_model: Path, tmp_path: Path
) -> None:
    said: list[str] = []

    played = await play(DIRECT, tiny_model, tmp_path / "session", "short", said.append)

    first, second, *_ = played.turns
    assert [turn.kind for turn in played.turns] == KINDS
    assert first.evaluated_tokens == first.prompt_tokens
    assert second.evaluated_tokens < second.prompt_tokens - first.prompt_tokens + first.generated_tokens
    assert all(turn.evaluation_seconds > 0 and turn.generation_seconds > 0 for turn in played.turns)
    assert len(said) == len(KINDS)


async def test_after_another_session_the_first_turn_evaluates_little_of_its_prompt(
    tiny_model: Path, tmp_path: Path
) -> None:
    said: list[str] = []

    played = await play(WARM, tiny_model, tmp_path / "session", "short", said.append)

    assert [turn.kind for turn in played.turns] == KINDS
    assert played.turns[0].evaluated_tokens < played.turns[0].prompt_tokens / 20
    assert played.client_seconds >= played.turns[-1].ended_seconds
