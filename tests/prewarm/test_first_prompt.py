"""Recording the first prompt of a session, and predicting the next session's from it."""

from datetime import date

import msgspec
from hypothesis import given
from msgspec.structs import replace
from tests.parts.requests import bodies

from anyclaude.prewarm.first_prompt import STATEMENT, FirstPrompt, first_prompt_of
from anyclaude.prewarm.launches import LaunchKey, LaunchTraits
from anyclaude.protocol.content import ImageBlock, TextBlock, UrlSource, blocks_of
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn, encode_request, request_from

TODAY = date(2026, 11, 25)
LAUNCH_KEY = LaunchKey("/home/someone/garden", "fingerprint")
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
        metadata={"user_id": "user-1"},
    )


def first(*reminders: str, words: str = "Pull the weeds") -> MessagesRequest:
    blocks = tuple(TextBlock(text) for text in (*reminders, words))
    return request(Turn("user", blocks), Turn("system", ENVIRONMENT))


def predicted_prompt(
    request: MessagesRequest, wanted: LaunchKey | None = None, recorded_under: LaunchKey = LAUNCH_KEY
) -> MessagesRequest:
    recorded = first_prompt_of(request, recorded_under)
    assert recorded is not None
    rendered = recorded.rendered(wanted, TODAY)
    assert rendered is not None
    return rendered


def texts(request: MessagesRequest) -> list[str]:
    return [
        block.text
        for turn in request.messages
        if not isinstance(turn.content, str)
        for block in turn.content
        if isinstance(block, TextBlock)
    ]


def test_the_users_words_and_id_are_not_recorded() -> None:
    recorded = first_prompt_of(first(INSTRUCTIONS), LAUNCH_KEY)

    assert recorded is not None
    assert b"weeds" not in bytes(recorded.request)
    assert b"user-1" not in bytes(recorded.request)
    assert texts(predicted_prompt(first(INSTRUCTIONS))) == [INSTRUCTIONS]


def test_a_message_with_only_the_users_words_becomes_a_placeholder() -> None:
    assert predicted_prompt(request(Turn("user", "Pull the weeds"))).messages[0].content == (TextBlock("."),)


def test_images_and_all_blocks_after_them_are_left_out() -> None:
    blocks = (TextBlock(INSTRUCTIONS), ImageBlock(UrlSource("https://example.org/weed.png")), TextBlock(SKILLS))

    assert texts(predicted_prompt(request(Turn("user", blocks)))) == [INSTRUCTIONS]


def test_continued_conversations_and_requests_without_tools_are_not_recorded() -> None:
    assert first_prompt_of(request(Turn("user", "a"), Turn("assistant", "b"), Turn("user", "c")), LAUNCH_KEY) is None
    assert first_prompt_of(request(Turn("user", "a"), tools=()), LAUNCH_KEY) is None


def test_the_predicted_prompt_has_todays_date() -> None:
    environment = predicted_prompt(first(INSTRUCTIONS)).messages[1].content

    assert environment == ENVIRONMENT.replace("2026-11-24", "2026-11-25")


def test_in_another_project_nothing_of_the_recorded_one_is_predicted() -> None:
    prompt = predicted_prompt(first(SKILLS, INSTRUCTIONS, SKILLS), LaunchKey("/srv/kitchen", "fingerprint"))

    assert prompt.tools == (Tool("Read"),)
    assert blocks_of(prompt.system) == (TextBlock("Notes are in ~/.claude/projects/-srv-kitchen/memory."),)
    assert prompt.messages == (Turn("user", (TextBlock("."),)),)


def test_a_tool_that_a_third_project_has_too_is_predicted() -> None:
    session = request(Turn("user", "x"), tools=(Tool("Read"), Tool("mcp__notes__add", "Adds.")))
    here, there = (first_prompt_of(session, LaunchKey(folder, "fingerprint")) for folder in ("/garden", "/attic"))
    wanted = LaunchKey("/kitchen", "fingerprint")
    assert here is not None
    assert there is not None

    alone, with_others = (here.rendered(wanted, TODAY, others) for others in ((here,), (here, there)))
    assert alone is not None
    assert alone.tools == session.tools[:1]
    assert with_others is not None
    assert with_others.tools == session.tools


def test_an_unknown_folder_is_taken_to_be_the_recorded_one() -> None:
    recorded, wanted = LaunchKey("", "fingerprint"), LaunchKey("/srv/kitchen", "fingerprint")

    assert predicted_prompt(first(INSTRUCTIONS), wanted, recorded) == predicted_prompt(first(INSTRUCTIONS))


def test_for_another_model_the_prompt_names_that_model() -> None:
    traits = LaunchTraits(client="c", diet="lean", flags="f", is_print=True, model="m")
    recorded = LaunchKey("/garden", "one", traits)
    wanted = LaunchKey("/garden", "two", replace(traits, model="n"))
    session = request(Turn("user", (TextBlock(INSTRUCTIONS),)), Turn("system", "You are powered by the model m."))
    prompt = predicted_prompt(session, wanted, recorded)

    assert prompt.model == "n"
    assert prompt.messages == (Turn("user", (TextBlock(INSTRUCTIONS),)), Turn("system", STATEMENT.format("n")))
    assert prompt.tools == session.tools


def test_the_expected_tokens_are_the_share_of_those_that_were_counted() -> None:
    session = first(INSTRUCTIONS * 100)
    recorded = first_prompt_of(session, LAUNCH_KEY, 1_000)
    assert recorded is not None
    elsewhere = recorded.expected_tokens(LaunchKey("/srv/kitchen", "fingerprint"), TODAY)

    assert recorded.expected_tokens(LAUNCH_KEY, TODAY) == 1_000
    assert elsewhere is not None
    assert 0 < elsewhere < 100
    assert recorded.expected_tokens(LaunchKey("/srv/kitchen", "another"), TODAY) is None
    assert replace(recorded, tokens=None).expected_tokens(LAUNCH_KEY, TODAY) is None


def test_a_launch_with_nothing_in_common_gets_no_prompt() -> None:
    recorded = first_prompt_of(first(INSTRUCTIONS), LAUNCH_KEY)

    assert recorded is not None
    assert recorded.rendered(LaunchKey(LAUNCH_KEY.folder, "another"), TODAY) is None


def test_a_record_that_is_not_a_request_is_unusable() -> None:
    assert FirstPrompt(LAUNCH_KEY, msgspec.Raw(b'{"model": 1}')).rendered(LAUNCH_KEY, TODAY) is None


@given(body=bodies)
def test_recording_a_predicted_prompt_again_does_not_change_it(body: JsonObject) -> None:
    recorded = first_prompt_of(request_from(body), LAUNCH_KEY)
    if recorded is None:
        return
    rendered = recorded.rendered(None, TODAY)

    assert rendered is not None
    again = first_prompt_of(rendered, LAUNCH_KEY)
    assert again is not None
    assert again.rendered(None, TODAY) == rendered
    assert encode_request(rendered)
