"""Files that the client attaches after a compaction are left out where the window has no room for them."""

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.bounds import ASSUMED_CONTEXT_TOKENS
from anyclaude.claude_code import SUMMARY_START
from anyclaude.protocol.content import ContentBlock, TextBlock, ToolResultBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.transforms import PromptContext, RestoredFiles
from anyclaude.transforms.restored_files import LEFT_OUT, MAX_FILE_TOKENS, MAX_TOKENS

SUMMARY = f"{SUMMARY_START} that ran out of context."
WINDOW = 8_192
"""An eighth of it are 4,096 characters."""
LONGEST = MAX_FILE_TOKENS * 4


def lean(context_tokens: int | None = WINDOW) -> PromptContext:
    return PromptContext(diet="lean", context_tokens=context_tokens)


def called(name: str) -> TextBlock:
    return TextBlock(
        f'<system-reminder>\nCalled the Read tool with the following input: {{"file_path":"{name}"}}\n'
        "</system-reminder>\n"
    )


def result(characters: int) -> TextBlock:
    """Return a file in a reminder, which has this many characters in all."""
    start, end = "<system-reminder>\nResult of calling the Read tool:\n", "\n</system-reminder>\n"
    return TextBlock(start + "x" * (characters - len(start) - len(end)) + end)


def request(*turns: Turn) -> MessagesRequest:
    return MessagesRequest(model="m", max_tokens=1, messages=turns)


def native(*blocks: ContentBlock) -> MessagesRequest:
    """Return a conversation after a compaction, as native releases write it: the files come after the kept turns."""
    kept = (Turn("user", SUMMARY), Turn("system", "Today is Friday."), Turn("assistant", "I read on."))
    return request(*kept, Turn("user", (ToolResultBlock("t1", "text"), *blocks)))


def javascript(*blocks: ContentBlock) -> MessagesRequest:
    """Return one as the releases in JavaScript write it: the files come before the summary, over two turns."""
    return request(Turn("user", blocks[:1]), Turn("user", (*blocks[1:], TextBlock(SUMMARY))))


def sent(before: MessagesRequest, context: PromptContext | None = None) -> list[ContentBlock]:
    after = RestoredFiles()(before, context or lean())
    return [block for turn in after.messages for block in blocks_of(turn.content)]


def test_files_are_kept_in_order_while_an_eighth_of_the_window_has_room() -> None:
    first, second, third, fourth = result(2_000), result(1_500), result(1_000), result(500)
    files = (called("/a"), first, called("/b"), second, called("/c"), third, called("/d"), fourth)
    expected = [called("/a"), first, called("/b"), second, called("/c"), TextBlock(LEFT_OUT), called("/d"), fourth]

    assert sent(native(*files))[-8:] == expected
    assert sent(javascript(*files))[:8] == expected


def test_the_model_is_told_how_to_see_a_file_that_was_left_out() -> None:
    assert "call Read with a limit" in LEFT_OUT


def test_no_window_has_room_for_more_than_evaluating_it_is_worth() -> None:
    for window in (None, ASSUMED_CONTEXT_TOKENS, 200_000):
        assert sent(native(result(LONGEST)), lean(window))[-1] == result(LONGEST)
        assert sent(native(result(LONGEST + 1)), lean(window))[-1] == TextBlock(LEFT_OUT)
    many = sent(native(*[result(LONGEST)] * 6), lean(200_000))

    assert many[-6:] == [result(LONGEST)] * 4 + [TextBlock(LEFT_OUT)] * 2


def test_the_diet_full_leaves_out_nothing() -> None:
    before = native(result(50_000))

    assert RestoredFiles()(before, PromptContext(diet="full", context_tokens=WINDOW)) is before


def test_a_file_that_the_user_attaches_stays() -> None:
    before = native(called("/a"), result(50_000), TextBlock("What is in this file?"))

    assert RestoredFiles()(before, lean()) is before


def test_files_before_the_record_of_the_command_came_with_the_compaction() -> None:
    """After `/compact` the client puts them into the user's next message; what the user attaches comes later."""
    command, words = TextBlock("<command-name>/compact</command-name>\n"), TextBlock("What is in this file?")
    before = native(called("/a"), result(5_000), command, called("/b"), result(5_001), words)

    assert sent(before)[-6:] == [called("/a"), TextBlock(LEFT_OUT), command, called("/b"), result(5_001), words]


def test_a_conversation_without_a_summary_stays() -> None:
    before = request(Turn("user", (called("/a"), result(50_000))), Turn("assistant", SUMMARY), Turn("user", "Go on."))

    assert RestoredFiles()(before, lean()) is before


def test_other_reminders_stay() -> None:
    skills = TextBlock("<system-reminder>\n" + "A skill. " * 1_000 + "\n</system-reminder>\n")

    assert sent(native(skills))[-1] == skills


@given(st.lists(st.integers(100, 6_000), max_size=6), st.integers(1_000, 300_000))
def test_it_is_idempotent_and_keeps_no_more_than_there_is_room_for(sizes: list[int], window: int) -> None:
    transform, before = RestoredFiles(), native(*map(result, sizes))

    once = transform(before, lean(window))
    kept = [len(block.text) for block in sent(once) if isinstance(block, TextBlock) and len(block.text) > len(LEFT_OUT)]

    assert transform(once, lean(window)) is once
    assert sum(kept) - len(SUMMARY) * (len(SUMMARY) > len(LEFT_OUT)) <= min(window // 2 + 1, MAX_TOKENS * 4)
