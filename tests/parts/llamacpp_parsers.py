"""
llama.cpp's parsers of tool calls, one for each family of models, and what they find in replies.

llama.cpp derives its parser from the chat template.  It knows some families by markers in the template's source; of all
others it learns the form from what the template makes of calls.
"""

import aiohttp
import msgspec
from msgspec import Struct
from tests.parts.chat_templates import chat_template
from tests.parts.tiny_model import END_TOKEN
from tests.parts.written_replies import WrittenReply, chat_tools

_NO_MATCH = "The model produced output that does not match the expected"


class Family(Struct, frozen=True):
    """A family of models."""

    replies: tuple[str, ...]
    """How the ids of its replies in the corpus start."""
    calls: str
    """The Jinja that writes the calls of a message."""
    after_thought: str | None = None
    """What stands between a thought and the reply, where llama.cpp starts a text that we continue in its own way."""

    @property
    def template(self) -> str:
        """The whole chat template."""
        return chat_template("offers_tools").replace("CALLS", self.calls)


class Function(Struct, frozen=True):
    """A call as Chat Completions has it."""

    name: str
    arguments: str


async def calls_found(session: aiohttp.ClientSession, family: Family, reply: WrittenReply) -> list[Function]:
    """
    Return the calls that llama.cpp finds in a reply; the engine runs the tiny model with the family's template.

    The reply is the start of the assistant's message, which the model must end at once: the parser then sees the reply
    and nothing else.
    """
    request = {
        "messages": [{"role": "user", "content": "Go on."}, _started(family, reply.reply)],
        "tools": chat_tools(reply),
        "echo": True,
        "parallel_tool_calls": True,
        "temperature": 0,
        "logit_bias": [[END_TOKEN, 100_000]],
        "max_tokens": 2,
    }
    async with session.post("/v1/chat/completions", json=request) as response:
        body = await response.text()
        if response.status == 500 and _NO_MATCH in body:
            return []
        assert response.status == 200, body
    completion = msgspec.json.decode(body, type=_Completion)
    assert completion.usage.completion_tokens == 1, "the model has written more than the end of the message"
    return [call.function for call in completion.choices[0].message.tool_calls]


def _started(family: Family, reply: str) -> dict[str, str]:
    if family.after_thought is None:
        return {"role": "assistant", "content": reply}
    return {"role": "assistant", "content": "", "reasoning_content": f"Hm.{family.after_thought}{reply}"}


class _ToolCall(Struct, frozen=True):
    function: Function


class _Message(Struct, frozen=True):
    tool_calls: tuple[_ToolCall, ...] = ()


class _Choice(Struct, frozen=True):
    message: _Message


class _Usage(Struct, frozen=True):
    completion_tokens: int


class _Completion(Struct, frozen=True):
    choices: tuple[_Choice, ...]
    usage: _Usage


def _text(text: str) -> str:
    """Return the Jinja expression of a text."""
    return "'" + text.replace("\n", "\\n") + "'"


def _each(call: str, before: str = "", between: str = "", after: str = "") -> str:
    """Return the Jinja that writes all calls of a message, with text around and between them."""
    return (
        f"{{{{- {_text(before)} -}}}}"
        f"{{%- for tool_call in message.tool_calls -%}}{{%- set call = tool_call.function -%}}{call}"
        f"{{%- if not loop.last -%}}{{{{- {_text(between)} -}}}}{{%- endif -%}}{{%- endfor -%}}"
        f"{{{{- {_text(after)} -}}}}"
    )


def _json(before: str, between: str, after: str) -> str:
    """Return the Jinja of a call whose arguments are JSON after the name."""
    return f"{{{{- {_text(before)} ~ call.name ~ {_text(between)} ~ call.arguments | tojson ~ {_text(after)} -}}}}"


def _object(before: str = "", after: str = "", *, name: str = "name", arguments: str = "arguments") -> str:
    """Return the Jinja of a call that is a JSON object."""
    return _json(f'{before}{{"{name}": "', f'", "{arguments}": ', f"}}{after}")


def _tagged(before: str, between: str, argument: tuple[str, str, str], after: str) -> str:
    """Return the Jinja of a call whose arguments are tagged, each of them with text around its name and its value."""
    start, middle, end = map(_text, argument)
    value = "(value if value is string else value | tojson)"
    return (
        f"{{{{- {_text(before)} ~ call.name ~ {_text(between)} -}}}}"
        f"{{%- for key, value in call.arguments.items() -%}}{{{{- {start} ~ key ~ {middle} ~ {value} ~ {end} -}}}}"
        f"{{%- endfor -%}}{{{{- {_text(after)} -}}}}"
    )


def _dsml(outer: str) -> str:
    dsml = "｜DSML｜"
    argument = (f'<{dsml}parameter name="', '" string="true">', f"</{dsml}parameter>\n")
    call = _tagged(f'<{dsml}invoke name="', '">\n', argument, f"</{dsml}invoke>\n")
    return "{#- dsml_token -#}" + _each(call, f"<{dsml}{outer}>\n", "", f"</{dsml}{outer}>")


_FUNCTIONARY = (
    '{#- set has_code_interpreter = tools | selectattr("type", "equalto", "code_interpreter") | list | length > 0 -#}'
)
_DEEPSEEK_END = "<｜tool▁call▁end｜>"
_KIMI_CALL = _json("<|tool_call_begin|>functions.", ":0<|tool_call_argument_begin|>", "<|tool_call_end|>")
_SEED_ARGUMENT = ("<parameter=", ">", "</parameter>\n")

FAMILIES: dict[str, Family] = {
    "Hermes": Family(("hermes:",), _each(_object("<tool_call>\n", "\n</tool_call>"), between="\n")),
    "Qwen3-Coder": Family(
        ("qwen3_coder:", "qwen3_coder_without_outer_tag:"),
        _each(
            _tagged(
                "<tool_call>\n<function=",
                ">\n",
                ("<parameter=", ">\n", "\n</parameter>\n"),
                "</function>\n</tool_call>",
            ),
            between="\n",
        ),
    ),
    "Llama 3": Family(("llama3_bare_json:", "llama3_python_tag:"), _each(_object(arguments="parameters"))),
    "Functionary": Family(("llama3_function_tag:",), _FUNCTIONARY + _each(_json("<function=", ">", "</function>"))),
    "Mistral Nemo": Family(("mistral_list:",), _each(_object(), "[TOOL_CALLS][", ", ", "]")),
    "Magistral": Family(("mistral_args:",), "{#- [SYSTEM_PROMPT] -#}" + _each(_json("[TOOL_CALLS]", "[ARGS]", ""))),
    "DeepSeek R1": Family(
        ("deepseek_v3:",),
        _each(
            _json("<｜tool▁call▁begin｜>function<｜tool▁sep｜>", "\n```json\n", f"\n```{_DEEPSEEK_END}"),
            "<｜tool▁calls▁begin｜>",
            "\n",
            "<｜tool▁calls▁end｜>",
        ),
    ),
    "DeepSeek V3.1": Family(
        ("deepseek_v31:",),
        _each(
            _json("<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", _DEEPSEEK_END),
            "<｜tool▁calls▁begin｜>",
            "",
            "<｜tool▁calls▁end｜>",
        ),
    ),
    "DeepSeek V3.2": Family(("deepseek_dsml:",), _dsml("function_calls")),
    "DeepSeek V4": Family(("deepseek_v4_dsml:",), _dsml("tool_calls")),
    "Kimi K2": Family(
        ("kimi_k2:",), _each(_KIMI_CALL, "<|tool_calls_section_begin|>", "", "<|tool_calls_section_end|>")
    ),
    "GLM 4.5": Family(
        ("glm:",),
        _each(
            _tagged(
                "<tool_call>",
                "\n",
                ("<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>\n"),
                "</tool_call>",
            ),
            between="\n",
        ),
    ),
    "GLM 4.7": Family(
        ("glm_47:",),
        _each(_tagged("<tool_call>", "", ("<arg_key>", "</arg_key><arg_value>", "</arg_value>"), "</tool_call>")),
    ),
    "gpt-oss": Family(
        ("harmony:",),
        _each(_json("<|channel|>commentary to=functions.", " <|constrain|>json<|message|>", "<|call|>")),
        after_thought="<|end|><|start|>assistant",
    ),
    "Granite 3": Family(("granite3:",), _each(_object(), "<|tool_call|>[", ", ", "]")),
    "Granite 4": Family(("granite4:",), _each(_object("<tool_call>\n", "\n</tool_call>"), between="\n")),
    "Command-R7B": Family(
        ("command_r7b:",),
        _each(
            _json('    {"tool_call_id": "0", "tool_name": "', '", "parameters": ', "}"),
            "<|START_ACTION|>[\n",
            ",\n",
            "\n]<|END_ACTION|>",
        ),
    ),
    "Phi-4-mini, functools": Family(("phi4_functools:",), _each(_object(), "functools[", ", ", "]")),
    "Phi-4-mini": Family(("phi4_tool_call:",), _each(_object("<|tool_call|>", "<|/tool_call|>"))),
    "MiniMax M1": Family(("minimax_m1:",), _each(_object(), "<tool_calls>\n", "\n", "\n</tool_calls>")),
    "MiniMax M2": Family(
        ("minimax_m2:",),
        _each(
            _tagged('<invoke name="', '">\n', ('<parameter name="', '">', "</parameter>\n"), "</invoke>\n"),
            "<minimax:tool_call>\n",
            "",
            "</minimax:tool_call>",
        ),
    ),
    "Nemotron": Family(("nemotron:",), _each(_object(), "<TOOLCALL>[", ", ", "]</TOOLCALL>")),
    "LFM2": Family(
        ("lfm2:",),
        "{#- <|tool_list_start|> <|tool_list_end|> -#}"
        + _each(_json("", "(", ")"), "<|tool_call_start|>[", ", ", "]<|tool_call_end|>"),
    ),
    "Seed-OSS": Family(
        ("seed_oss:",),
        _each(
            _tagged("<function=", ">\n", _SEED_ARGUMENT, "</function>\n"),
            "<seed:tool_call>\n",
            "",
            "</seed:tool_call>",
        ),
    ),
    "Gemma 4": Family(("gemma4:",), _each(_json("<|tool_call>call:", "", "<tool_call|>"))),
    "Jamba": Family(("jamba:",), _each(_object("    "), "<tool_calls>[\n", ",\n", "\n]</tool_calls>")),
    "InternLM": Family(
        ("internlm:",), _each(_object("<|action_start|><|plugin|>\n", "\n<|action_end|>", arguments="parameters"))
    ),
    "LongCat": Family(
        ("others: LongCat",), _each(_object("<longcat_tool_call>\n", "\n</longcat_tool_call>"), between="\n")
    ),
    "Apertus": Family(
        ("others: Apertus",), _each(_json('{"', '": ', "}"), "<|tools_prefix|>[", ", ", "]<|tools_suffix|>")
    ),
    "Granite 20B": Family(("granite_20b:",), _each(_object("<function_call> "))),
}
