"""
Chat templates with tools, one for each family of models whose calls llama.cpp's parsers read.

llama.cpp knows some families by markers in the template's source.  Of all others it learns the form from what the
template makes of calls.
"""

from msgspec import Struct
from tests.parts.chat_templates import chat_template


class Family(Struct, frozen=True):
    """A family: its files in the corpus, and the Jinja that writes the calls of a message."""

    files: tuple[str, ...]
    calls: str
    before_reply: str = ""
    """What the family's prompt needs before a reply, if its template opens one that the reply itself opens again."""

    @property
    def template(self) -> str:
        """The whole chat template."""
        return chat_template("offers_tools").replace("CALLS", self.calls)


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


_DEEPSEEK_END = "<｜tool▁call▁end｜>"
_KIMI_CALL = _json("<|tool_call_begin|>functions.", ":0<|tool_call_argument_begin|>", "<|tool_call_end|>")
_SEED_ARGUMENT = ("<parameter=", ">", "</parameter>\n")

FAMILIES: dict[str, Family] = {
    "Hermes": Family(("hermes",), _each(_object("<tool_call>\n", "\n</tool_call>"), between="\n")),
    "Qwen3-Coder": Family(
        ("qwen3_coder", "qwen3_coder_without_outer_tag"),
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
    "Llama 3": Family(("llama3_bare_json", "llama3_python_tag"), _each(_object(arguments="parameters"))),
    "Functionary": Family(("llama3_function_tag",), _each(_json("<function=", ">", "</function>"))),
    "Mistral Nemo": Family(("mistral_list",), _each(_object(), "[TOOL_CALLS][", ", ", "]")),
    "Magistral": Family(("mistral_args",), "{#- [SYSTEM_PROMPT] -#}" + _each(_json("[TOOL_CALLS]", "[ARGS]", ""))),
    "DeepSeek R1": Family(
        ("deepseek_v3",),
        _each(
            _json("<｜tool▁call▁begin｜>function<｜tool▁sep｜>", "\n```json\n", f"\n```{_DEEPSEEK_END}"),
            "<｜tool▁calls▁begin｜>",
            "\n",
            "<｜tool▁calls▁end｜>",
        ),
    ),
    "DeepSeek V3.1": Family(
        ("deepseek_v31",),
        _each(
            _json("<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", _DEEPSEEK_END),
            "<｜tool▁calls▁begin｜>",
            "",
            "<｜tool▁calls▁end｜>",
        ),
    ),
    "DeepSeek V3.2": Family(("deepseek_dsml",), _dsml("function_calls")),
    "DeepSeek V4": Family(("deepseek_v4_dsml",), _dsml("tool_calls")),
    "Kimi K2": Family(
        ("kimi_k2",), _each(_KIMI_CALL, "<|tool_calls_section_begin|>", "", "<|tool_calls_section_end|>")
    ),
    "GLM 4.5": Family(
        ("glm",),
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
        ("glm_47",),
        _each(_tagged("<tool_call>", "", ("<arg_key>", "</arg_key><arg_value>", "</arg_value>"), "</tool_call>")),
    ),
    "gpt-oss": Family(
        ("harmony",),
        _each(_json("<|channel|>commentary to=functions.", " <|constrain|>json<|message|>", "<|call|>")),
    ),
    "Granite 3": Family(("granite3",), _each(_object(), "<|tool_call|>[", ", ", "]")),
    "Granite 4": Family(("granite4",), _each(_object("<tool_call>\n", "\n</tool_call>"), between="\n")),
    "Command-R7B": Family(
        ("command_r7b",),
        _each(
            _json('    {"tool_call_id": "0", "tool_name": "', '", "parameters": ', "}"),
            "<|START_ACTION|>[\n",
            ",\n",
            "\n]<|END_ACTION|>",
        ),
    ),
    "Phi-4-mini, functools": Family(("phi4_functools",), _each(_object(), "functools[", ", ", "]")),
    "Phi-4-mini": Family(("phi4_tool_call",), _each(_object("<|tool_call|>", "<|/tool_call|>"))),
    "MiniMax M1": Family(("minimax_m1",), _each(_object(), "<tool_calls>\n", "\n", "\n</tool_calls>")),
    "MiniMax M2": Family(
        ("minimax_m2",),
        _each(
            _tagged('<invoke name="', '">\n', ('<parameter name="', '">', "</parameter>\n"), "</invoke>\n"),
            "<minimax:tool_call>\n",
            "",
            "</minimax:tool_call>",
        ),
    ),
    "Nemotron": Family(("nemotron",), _each(_object(), "<TOOLCALL>[", ", ", "]</TOOLCALL>")),
    "LFM2": Family(
        ("lfm2",),
        "{#- <|tool_list_start|> <|tool_list_end|> -#}"
        + _each(_json("", "(", ")"), "<|tool_call_start|>[", ", ", "]<|tool_call_end|>"),
    ),
    "Seed-OSS": Family(
        ("seed_oss",),
        _each(
            _tagged("<function=", ">\n", _SEED_ARGUMENT, "</function>\n"),
            "<seed:tool_call>\n",
            "",
            "</seed:tool_call>",
        ),
    ),
    "Gemma 4": Family(("gemma4",), _each(_json("<|tool_call>call:", "", "<tool_call|>"))),
    "Jamba": Family(("jamba",), _each(_object("    "), "<tool_calls>[\n", ",\n", "\n]</tool_calls>")),
    "InternLM": Family(
        ("internlm",), _each(_object("<|action_start|><|plugin|>\n", "\n<|action_end|>", arguments="parameters"))
    ),
    "LongCat": Family(("others",), _each(_object("<longcat_tool_call>\n", "\n</longcat_tool_call>"), between="\n")),
    "Apertus": Family(
        ("others",), _each(_json('{"', '": ', "}"), "<|tools_prefix|>[", ", ", "]<|tools_suffix|>")
    ),
    "Granite 20B": Family(("granite_20b",), _each(_object("<function_call> "))),
}
