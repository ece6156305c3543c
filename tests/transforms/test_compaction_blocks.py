"""A conversation goes on from the summary in its last compaction block, and then only grows."""

from itertools import pairwise

from anthropic.types.beta import BetaContentBlockParam
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.parts.tool_rounds import request_of

from anyclaude.protocol.content import ContentBlock, TextBlock, decode_block
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.transforms import CompactionBlocks, PromptContext
from anyclaude.transforms.compaction_blocks import SUMMARY

ASKED = Turn("user", "And now?")
ANSWER = TextBlock("So.")


def compaction(text: str | None, **fields: JsonValue) -> ContentBlock:
    raw: JsonObject = {"type": "compaction", "content": text, **fields}
    TypeAdapter(BetaContentBlockParam).validate_python(raw)
    return decode_block(raw, "block")


def replied(*blocks: ContentBlock) -> Turn:
    return Turn("assistant", blocks)


def summary(text: str) -> Turn:
    return Turn("user", (TextBlock(SUMMARY.format(text=text)),))


def prepared(*turns: Turn) -> tuple[Turn, ...]:
    transform = CompactionBlocks()
    once = transform(request_of(*turns), PromptContext())
    assert transform(once, PromptContext()) is once
    return once.messages


def test_the_last_summary_stands_for_everything_before_it() -> None:
    turns = (ASKED, replied(compaction("one"), ANSWER), ASKED, replied(ANSWER, compaction("two"), ANSWER), ASKED)

    assert prepared(*turns[:3]) == (summary("one"), replied(ANSWER), ASKED)
    assert prepared(*turns) == (summary("two"), replied(ANSWER), ASKED)


def test_a_pause_after_the_compaction_goes_on_from_the_summary() -> None:
    assert prepared(ASKED, replied(compaction("one"))) == (summary("one"),)


def test_a_compaction_that_failed_stands_for_nothing() -> None:
    assert prepared(ASKED, replied(compaction(None), ANSWER), ASKED) == (ASKED, replied(ANSWER), ASKED)
    turns = (ASKED, replied(compaction("one")), ASKED, replied(compaction(None)), ASKED)
    assert prepared(*turns) == (summary("one"), ASKED, ASKED)


def test_without_a_compaction_the_request_stays_the_same_object() -> None:
    request: MessagesRequest = request_of(ASKED, replied(ANSWER), ASKED)

    assert CompactionBlocks()(request, PromptContext()) is request


def test_a_marker_that_moves_from_turn_to_turn_moves_no_text() -> None:
    marked = compaction("one", cache_control={"type": "ephemeral"})

    assert prepared(ASKED, replied(marked), ASKED) == prepared(ASKED, replied(compaction("one")), ASKED)


answers = st.lists(st.sampled_from([ANSWER, compaction(None)]), min_size=1, max_size=3).map(tuple)


@given(st.lists(answers, max_size=4), answers)
def test_after_a_compaction_the_prompt_only_grows(
    later: list[tuple[ContentBlock, ...]], rest: tuple[ContentBlock, ...]
) -> None:
    turns = [ASKED, replied(compaction("one"), *rest), ASKED]
    sent = [prepared(*turns)]
    for blocks in later:
        turns += [replied(*blocks), ASKED]
        sent.append(prepared(*turns))

    for earlier, now in pairwise(sent):
        assert now[: len(earlier)] == earlier
