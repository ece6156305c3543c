"""What is kept of the first prompt of a session, and how the next session's is foreseen from it."""

from datetime import date

import msgspec
from hypothesis import given
from tests.parts.requests import bodies

from anyclaude.prewarm.first_prompt import FirstPrompt, LaunchKey, first_prompt_of
from anyclaude.protocol.content import ImageBlock, TextBlock, UrlSource, blocks_of
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn, encode_request, request_from

TODAY = date(2026, 11, 25)
PLACE = LaunchKey("/home/someone/garden", "manner")
INSTRUCTIONS = "<system-reminder>\nContents of /home/someone/garden/CLAUDE.md: be kind\n</system-reminder>\n"
SKILLS = "<system-reminder>\nThe following skills are available\n</system-reminder>\n"
ENVIRONMENT = " - Primary working directory: /home/someone/garden\n\nToday's date is 2026-11-24."


def request(*messages: Turn, tools: tuple[Tool, ...] = (Tool("Read"),)) -> MessagesRequest:
    return MessagesRequest(
        model="m",
        max_tokens=1,
        messages=messages,
        system=(TextBlock("Notes are in ~/.claude/projects/-home-someone-garden/memory."),),
        tools=tools,
        stream=True,
        metadata={"user_id": "somebody"},
    )


def first(*reminders: str, words: str = "Pull the weeds") -> MessagesRequest:
    blocks = tuple(TextBlock(text) for text in (*reminders, words))
    return request(Turn("user", blocks), Turn("system", ENVIRONMENT))


def predicted_prompt(asked: MessagesRequest, folder: str = PLACE.folder) -> MessagesRequest:
    kept = first_prompt_of(asked, PLACE)
    assert kept is not None
    rendered = kept.rendered(folder, TODAY)
    assert rendered is not None
    return rendered


def texts(asked: MessagesRequest) -> list[str]:
    return [
        block.text
        for turn in asked.messages
        if not isinstance(turn.content, str)
        for block in turn.content
        if isinstance(block, TextBlock)
    ]


def test_the_users_words_are_not_kept() -> None:
    kept = first_prompt_of(first(INSTRUCTIONS), PLACE)

    assert kept is not None
    assert b"weeds" not in bytes(kept.request)
    assert b"somebody" not in bytes(kept.request)
    assert texts(predicted_prompt(first(INSTRUCTIONS))) == [INSTRUCTIONS]


def test_words_alone_leave_something_that_servers_take() -> None:
    assert predicted_prompt(request(Turn("user", "Pull the weeds"))).messages[0].content == (TextBlock("."),)


def test_pictures_are_words() -> None:
    blocks = (TextBlock(INSTRUCTIONS), ImageBlock(UrlSource("https://example.org/weed.png")), TextBlock(SKILLS))

    assert texts(predicted_prompt(request(Turn("user", blocks)))) == [INSTRUCTIONS]


def test_a_conversation_that_has_begun_before_or_has_no_tools_is_no_first_prompt() -> None:
    assert first_prompt_of(request(Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c")), PLACE) is None
    assert first_prompt_of(request(Turn("user", "a"), tools=()), PLACE) is None


def test_the_date_is_todays() -> None:
    environment = predicted_prompt(first(INSTRUCTIONS)).messages[1].content

    assert environment == ENVIRONMENT.replace("2026-11-24", "2026-11-25")


def test_in_another_project_the_folder_is_the_new_one_and_what_is_said_of_the_old_one_is_left_out() -> None:
    asked = predicted_prompt(first(SKILLS, INSTRUCTIONS, SKILLS), "/srv/kitchen")

    assert blocks_of(asked.system) == (TextBlock("Notes are in ~/.claude/projects/-srv-kitchen/memory."),)
    assert texts(asked) == [SKILLS]
    assert asked.messages[1].content == " - Primary working directory: /srv/kitchen\n\nToday's date is 2026-11-25."


def test_where_the_project_is_not_known_it_is_taken_to_be_the_same() -> None:
    kept_anywhere = first_prompt_of(first(INSTRUCTIONS), LaunchKey(""))

    assert predicted_prompt(first(INSTRUCTIONS), "") == predicted_prompt(first(INSTRUCTIONS))
    assert kept_anywhere is not None
    assert kept_anywhere.rendered("/srv/kitchen", TODAY) == predicted_prompt(first(INSTRUCTIONS))


def test_a_record_that_is_no_request_is_of_no_use() -> None:
    assert FirstPrompt(PLACE, msgspec.Raw(b'{"model": 1}')).rendered(PLACE.folder, TODAY) is None


@given(body=bodies)
def test_whatever_is_kept_can_be_read_again_and_stays_as_it_is_when_it_is_kept_again(body: JsonObject) -> None:
    kept = first_prompt_of(request_from(body), PLACE)
    if kept is None:
        return
    rendered = kept.rendered("", TODAY)

    assert rendered is not None
    again = first_prompt_of(rendered, PLACE)
    assert again is not None
    assert again.rendered("", TODAY) == rendered
    assert encode_request(rendered)
