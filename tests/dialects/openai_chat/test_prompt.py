"""The prompt is read from an encoded request."""

from hypothesis import given
from tests.parts.requests import Json, bodies

from anyclaude.dialects.openai_chat.encode import encode_request
from anyclaude.dialects.openai_chat.prompt import read_prompt
from anyclaude.profiles import EMBEDDED
from anyclaude.protocol.content import Base64Source, ImageBlock, TextBlock, ToolResultBlock, ToolUseBlock
from anyclaude.protocol.json_values import encode_json
from anyclaude.protocol.messages_request import MessagesRequest, Tool, ToolChoice, Turn, decode_request
from anyclaude.protocol.prompt import SECTIONS, Prompt, PromptPart, first_difference

READ = Tool("Read", "Reads.", {"type": "object"})


def sent(*messages: Turn, **fields: object) -> Prompt:
    request = MessagesRequest(model="m", max_tokens=1, messages=messages, system="Be kind.", tools=(READ,), **fields)  # type: ignore[arg-type]
    return read_prompt(encode_request(request, "served", EMBEDDED).request.body)


def test_the_tools_come_first_then_the_system_prompt_then_the_messages() -> None:
    prompt = sent(Turn("user", "Hello"), Turn("assistant", "Yes?"))

    assert prompt.model == "served"
    assert prompt.parts == (
        PromptPart("tools", "Read", 'Read\nReads.\n{"type":"object","properties":{}}'),
        PromptPart("system", "", "Be kind."),
        PromptPart("messages", "user", "Hello"),
        PromptPart("messages", "assistant", "Yes?"),
    )


def test_calls_have_the_models_raw_arguments_and_no_ids() -> None:
    def conversation(tool_use_id: str) -> Prompt:
        call = ToolUseBlock(tool_use_id, "Read", {"a": 1}, raw_arguments='{ "a": 1 }')
        result = ToolResultBlock(tool_use_id, "text")
        return sent(Turn("user", "Hello"), Turn("assistant", (call,)), Turn("user", (result,)))

    assert conversation("one").parts[3:] == (
        PromptPart("messages", "assistant", 'Read { "a": 1 }'),
        PromptPart("messages", "tool", "text"),
    )
    assert conversation("one") == conversation("two")


def test_another_picture_makes_another_prompt_which_does_not_contain_its_data() -> None:
    def shown(data: str) -> Prompt:
        return sent(Turn("user", (ImageBlock(Base64Source("image/png", data)), TextBlock("What is this?"))))

    one, other = shown("AAAA"), shown("BBBB")

    assert first_difference(one, other) is not None
    assert "AAAA" not in str(one)


def test_a_user_turn_that_joins_a_message_extends_the_prompt() -> None:
    assert first_difference(sent(Turn("user", "One.")), sent(Turn("user", "One."), Turn("user", "Two."))) is None


def test_other_fields_that_may_change_the_prompt_are_its_settings() -> None:
    chosen = sent(Turn("user", "Hello"), tool_choice=ToolChoice("none"))

    assert chosen.settings == '{"tool_choice":"none"}'
    assert sent(Turn("user", "Hello"), temperature=0.5).settings == ""


@given(bodies)
def test_the_prompt_of_every_encoded_request_can_be_read(body: Json) -> None:
    request = decode_request(encode_json(body))
    prompt = read_prompt(encode_request(request, "served", EMBEDDED).request.body)
    order = [SECTIONS.index(piece.section) for piece in prompt.parts]

    assert order == sorted(order)
