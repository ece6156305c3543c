"""Writes calls as the families of models do: one writer per form, after the models' chat templates."""

import json
from collections.abc import Callable, Mapping
from typing import TypeAlias

from anyclaude.protocol.json_values import JsonValue

Arguments: TypeAlias = Mapping[str, JsonValue]
Writer: TypeAlias = Callable[[str, Arguments], str]
"""Returns what a model of the family writes to call a tool with these arguments."""

ANTHROPIC = "antml" + ":"
DSML = "｜DSML｜"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _call(name: str, arguments: Arguments, key: str = "arguments") -> str:
    return _json({"name": name, key: arguments})


def _text(value: JsonValue) -> str:
    """Return a value as it stands between tags: strings as they are, all others as JSON."""
    return value if isinstance(value, str) else _json(value)


def _around(before: str, after: str = "", key: str = "arguments") -> Writer:
    return lambda name, arguments: f"{before}{_call(name, arguments, key)}{after}"


def _listed(before: str, after: str = "", key: str = "arguments") -> Writer:
    return lambda name, arguments: f"{before}[{_call(name, arguments, key)}]{after}"


def _after_name(before: str, between: str, after: str) -> Writer:
    return lambda name, arguments: f"{before}{name}{between}{_json(arguments)}{after}"


def _invoke(prefix: str, outer: str) -> Writer:
    def write(name: str, arguments: Arguments) -> str:
        parameters = "".join(
            f'<{prefix}parameter name="{key}">{_text(value)}</{prefix}parameter>\n' for key, value in arguments.items()
        )
        return f'<{outer}>\n<{prefix}invoke name="{name}">\n{parameters}</{prefix}invoke>\n</{outer}>'

    return write


def _function_tags(outer: str) -> Writer:
    def write(name: str, arguments: Arguments) -> str:
        parameters = "".join(f"<parameter={key}>\n{_text(value)}\n</parameter>\n" for key, value in arguments.items())
        return f"<{outer}>\n<function={name}>\n{parameters}</function>\n</{outer}>"

    return write


def _glm(name: str, arguments: Arguments) -> str:
    pairs = "".join(
        f"<arg_key>{key}</arg_key>\n<arg_value>{_text(value)}</arg_value>\n" for key, value in arguments.items()
    )
    return f"<tool_call>{name}\n{pairs}</tool_call>"


def _python(before: str, after: str = "") -> Writer:
    def write(name: str, arguments: Arguments) -> str:
        return f"{before}{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())}){after}"

    return write


def _gemma(start: str, end: str, quote: str) -> Writer:
    def rendered(value: JsonValue) -> str:
        match value:
            case str():
                return f"{quote}{value}{quote}"
            case dict():
                return "{" + ",".join(f"{key}:{rendered(inner)}" for key, inner in value.items()) + "}"
            case list():
                return f"[{','.join(map(rendered, value))}]"
            case _:
                return _json(value)

    return lambda name, arguments: f"{start}call:{name}{rendered(dict(arguments))}{end}"


JSON_WRITERS: dict[str, Writer] = {
    "Hermes": _around("<tool_call>\n", "\n</tool_call>"),
    "Hunyuan": _listed("<tool_calls>", "</tool_calls>"),
    "Nemotron": _listed("<TOOLCALL>", "</TOOLCALL>"),
    "Llama 3": _around("<|python_tag|>", key="parameters"),
    "Llama 3.1, function": _after_name("<function=", ">", "</function>"),
    "Mistral, list": _listed("[TOOL_CALLS]"),
    "Mistral, name": _after_name("[TOOL_CALLS]", "[ARGS]", ""),
    "DeepSeek V3": _after_name(
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>",
        "\n```json\n",
        "\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
    "DeepSeek V3.1": _after_name(
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜><｜tool▁calls▁end｜>"
    ),
    "Kimi K2": _after_name(
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.",
        ":0<|tool_call_argument_begin|>",
        "<|tool_call_end|><|tool_calls_section_end|>",
    ),
    "harmony": _after_name("<|channel|>commentary to=functions.", " <|constrain|>json<|message|>", "<|call|>"),
    "Granite": _listed("<|tool_call|>"),
    "Phi-4": _listed("functools"),
    "Command-R7B": _listed("<|START_ACTION|>", "<|END_ACTION|>", key="parameters"),
    "InternLM": _around("<|action_start|><|plugin|>\n", "<|action_end|>", key="parameters"),
    "LongCat": _around("<longcat_tool_call>", "</longcat_tool_call>"),
    "Apertus": lambda name, arguments: f"<|tools_prefix|>[{_json({name: arguments})}]<|tools_suffix|>",
    "ReAct": _after_name("Action: ", "\nAction Input: ", ""),
    "[Calling tool:": _after_name("[Calling tool: ", "(", ")]"),
    "bare JSON": _around(""),
    "xLAM": _listed(""),
    "fenced JSON": _around("```json\n", "\n```"),
}
"""The forms with arguments in JSON."""

PYTHON_WRITERS: dict[str, Writer] = {
    "Llama 4": _python("<|python_start|>[", "]<|python_end|>"),
    "LFM2": _python("<|tool_call_start|>[", "]<|tool_call_end|>"),
    "OLMo 3": _python("<function_calls>", "</function_calls>"),
    "Gemma 3": _python("```tool_code\n", "\n```"),
    "pythonic": _python("[", "]"),
}
"""The forms with arguments in Python."""

GEMMA_WRITERS: dict[str, Writer] = {
    "FunctionGemma": _gemma("<start_function_call>", "<end_function_call>", "<escape>"),
    "Gemma 4": _gemma("<|tool_call>", "<tool_call|>", '<|"|>'),
}
"""The forms whose strings stand between tokens, which a string cannot contain."""

TAG_WRITERS: dict[str, Writer] = {
    "Qwen3-Coder": _function_tags("tool_call"),
    "Seed-OSS": _function_tags("seed:tool_call"),
    "GLM": _glm,
    "MiniMax M2": _invoke("", "minimax:tool_call"),
    "Anthropic": _invoke("", "function_calls"),
    "Anthropic, with a prefix": _invoke(ANTHROPIC, f"{ANTHROPIC}function_calls"),
    "DeepSeek V3.2": _invoke(DSML, f"{DSML}function_calls"),
}
"""The forms with one pair of tags for each argument, and no escaping in it."""

WRITERS = JSON_WRITERS | PYTHON_WRITERS | GEMMA_WRITERS | TAG_WRITERS
