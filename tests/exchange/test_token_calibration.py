"""Estimates of tokens follow from the counts that a model has reported."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.exchange_events import ended
from tests.parts.fake_backend import FakeBackend
from tests.parts.gateway import target_at
from tests.parts.tool_rounds import Round, conversation, request_of
from tests.parts.upstreams import prepared_for

from anyclaude.exchange import TokenCalibration
from anyclaude.exchange.token_calibration import TokenEstimate
from anyclaude.exchange_record import Outcome
from anyclaude.protocol.content import Base64Source, ImageBlock, ToolResultBlock
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.scheduling import BackendRequest, PreparedRequest

PROSE = "The quick brown fox jumps over the lazy dog, again and again. " * 20


def reads(rounds: int, tools: tuple[Tool, ...] = ()) -> MessagesRequest:
    """Return a conversation after so many files were read."""
    turns = conversation(*(Round(("Read", {"file_path": f"/{n}"}, f"{PROSE}{n}")) for n in range(rounds)))
    return replace(request_of(*turns), system=PROSE, tools=tools)


def saying(text: str) -> MessagesRequest:
    return request_of(Turn("user", text))


def prepared(
    request: MessagesRequest, conversation: str = "one", model: str = "m", url: str = "http://a/v1"
) -> PreparedRequest:
    target = replace(target_at(url), model=model)
    return prepared_for(FakeBackend(target), BackendRequest(request, conversation))


def learn(
    calibration: TokenCalibration,
    sent: PreparedRequest,
    tokens: int | None,
    outcome: Outcome = "completed",
    continuations: int = 0,
) -> None:
    event = ended(sent.source.request, sent=sent)
    record = replace(event.record, continuations=continuations)
    calibration.exchange_ended(
        replace(event, reported=UsageReported(input_tokens=tokens), outcome=outcome, record=record)
    )


def test_without_a_count_a_token_has_four_characters() -> None:
    assert TokenCalibration().estimate(prepared(saying("x" * 400))) == TokenEstimate(100, is_calibrated=False)


def test_a_prompt_that_was_counted_has_that_count() -> None:
    calibration = TokenCalibration()
    learn(calibration, prepared(reads(3)), 1_777)
    learn(calibration, prepared(saying(PROSE), "another"), len(PROSE) // 2)

    assert calibration.estimate(prepared(reads(3))) == TokenEstimate(1_777, is_calibrated=True)


def test_the_next_prompt_of_a_conversation_is_the_count_and_an_estimate_of_what_was_added() -> None:
    calibration = TokenCalibration()
    learn(calibration, prepared(reads(3)), 1_777)

    longer, shorter = (calibration.estimate(prepared(reads(rounds))).tokens for rounds in (4, 2))

    assert longer - 1_777 == pytest.approx(1_777 - shorter, abs=2)
    assert longer == pytest.approx(1_777 * 5 / 4, rel=0.05)  # five texts in place of four


@pytest.mark.parametrize(
    ("characters_per_token", "text"), [(2.5, PROSE), (4.0, PROSE), (6.0, PROSE), (1.7, "模型 " * 300)]
)
def test_the_count_of_another_part_follows_from_the_models_characters_per_token(
    characters_per_token: float, text: str
) -> None:
    calibration, weight = TokenCalibration(), len(text.encode())
    learn(calibration, prepared(saying(text)), round(weight / characters_per_token))

    other = calibration.estimate(prepared(saying(text * 3), "another"))

    assert other.is_calibrated
    assert other.tokens == pytest.approx(3 * weight / characters_per_token, rel=0.01)


@pytest.mark.parametrize("other", [{"model": "n"}, {"url": "http://b/v1"}])
def test_other_models_and_other_servers_are_counted_separately(other: dict[str, str]) -> None:
    calibration = TokenCalibration()
    learn(calibration, prepared(saying(PROSE)), len(PROSE) // 2)

    assert calibration.estimate(prepared(saying(PROSE), **other)) == TokenEstimate(
        round(len(PROSE) / 4), is_calibrated=False
    )


def test_a_conversation_written_anew_is_not_measured_by_its_old_count() -> None:
    calibration = TokenCalibration()
    learn(calibration, prepared(saying(PROSE), "other"), len(PROSE) // 4)
    learn(calibration, prepared(reads(9)), 9_000)
    summary = replace(request_of(Turn("user", PROSE)), system=PROSE)

    rate = calibration.estimate(prepared(summary, "another"))
    assert calibration.estimate(prepared(summary)) == rate


def test_the_latest_prompts_of_a_model_decide() -> None:
    calibration = TokenCalibration()
    for number, characters_per_token in enumerate([3.0] * 20 + [4.0] * 20):
        learn(calibration, prepared(saying(PROSE), str(number)), round(len(PROSE) / characters_per_token))

    assert calibration.estimate(prepared(saying(PROSE), "new")).tokens == pytest.approx(len(PROSE) / 4, rel=0.01)


@pytest.mark.parametrize(
    ("tokens", "outcome", "continuations"),
    [
        (None, "completed", 0),
        (0, "completed", 0),
        (1_777, "failed", 0),
        (1_777, "completed", 1),
        (20, "completed", 0),
    ],
)
def test_a_count_that_is_not_of_the_whole_prompt_teaches_nothing(
    tokens: int | None, outcome: Outcome, continuations: int
) -> None:
    calibration = TokenCalibration()
    learn(calibration, prepared(reads(3)), tokens, outcome, continuations)

    assert not calibration.estimate(prepared(reads(3))).is_calibrated


def test_a_server_that_counts_only_what_was_not_cached_keeps_its_first_count() -> None:
    calibration = TokenCalibration()
    learn(calibration, prepared(reads(8)), 2_800)
    before = calibration.estimate(prepared(reads(9)))
    learn(calibration, prepared(reads(9)), 1_500)

    assert calibration.estimate(prepared(reads(9))) == before


@pytest.mark.parametrize("in_a_result", [False, True])
def test_an_image_counts_for_its_conversation_only(in_a_result: bool) -> None:
    image = ImageBlock(Base64Source("image/png", "AAAA"))
    content = ToolResultBlock("toolu_1", (image,)) if in_a_result else image
    shown = replace(reads(1), messages=(*reads(1).messages, Turn("user", (content,))))
    calibration = TokenCalibration()
    learn(calibration, prepared(shown), 2_000)

    assert calibration.estimate(prepared(shown)) == TokenEstimate(2_000, is_calibrated=True)
    assert not calibration.estimate(prepared(saying(PROSE), "another")).is_calibrated


def test_a_short_prompt_is_mostly_template_and_reveals_nothing_about_others() -> None:
    calibration = TokenCalibration()
    learn(calibration, prepared(saying("Hello")), 30)

    assert calibration.estimate(prepared(saying("Hello"))).tokens == 30
    assert not calibration.estimate(prepared(saying(PROSE), "another")).is_calibrated


def test_the_characters_per_token_are_those_of_the_conversation_then_of_the_latest_model() -> None:
    calibration = TokenCalibration()
    assert calibration.characters_per_token("one") == 4.0
    learn(calibration, prepared(saying(PROSE), "one"), len(PROSE) // 2)
    learn(calibration, prepared(saying(PROSE), "two", model="n"), len(PROSE) // 5)

    known = [calibration.characters_per_token(conversation) for conversation in ("one", "two", "new")]

    assert known == pytest.approx([2.0, 5.0, 5.0], rel=0.01)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 10_000), st.sampled_from(["one", "two"])), max_size=12))
def test_an_estimate_is_at_least_one_token_whatever_was_reported(events: list[tuple[int, int, str]]) -> None:
    calibration = TokenCalibration()
    for rounds, tokens, name in events:
        learn(calibration, prepared(reads(rounds), name), tokens)
        assert calibration.estimate(prepared(saying(""), name)).tokens >= 1
        assert calibration.characters_per_token(name) > 0
