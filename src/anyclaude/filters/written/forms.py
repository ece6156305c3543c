"""
The forms in which models write calls and thoughts, each with what opens it.

Formats are facts of the models' chat templates, and of the parsers of vLLM (`vllm/tool_parsers`, `vllm/reasoning`),
SGLang (`python/sglang/srt/function_call`) and llama.cpp (`common/chat.cpp`).  All of them are looked for, whatever the
model: models write the forms of other families, and a fine-tuned model has a name of its own.
"""

from . import harmony, token_forms
from .calls import OfferedCalls
from .form import Form, Found
from .gemma import GEMMA_3, GEMMA_4, read_gemma
from .source import Literals, Reading, Source
from .tag_forms import (
    INVOKE,
    INVOKE_TAGS,
    TOOL_USE,
    in_function_calls,
    in_json,
    in_named_tags,
    in_python,
    in_tags,
    read_tool_call,
    read_tool_calls,
    read_tool_use,
)
from .tagged_parameters import FUNCTION_TAGS, TOOL_CALL_TAGS, Outer, invoke_tags

ANTHROPIC = "antml" + ":"
DSML = ("｜DSML｜", "|DSML|")
ANTHROPIC_INVOKE = invoke_tags(ANTHROPIC)


def outer(name: str) -> Outer:
    """Return a pair of tags."""
    return Outer(f"<{name}>", f"</{name}>")


FUNCTION_CALLS, ANTHROPIC_CALLS = outer("function_calls"), outer(f"{ANTHROPIC}function_calls")
MINIMAX, SEED = outer("minimax:tool_call"), outer("seed:tool_call")


def thought(name: str, opening: str, end: str, *, begins_line: bool = True) -> Form:
    """Return the form of a thought between tags; those that are tokens count anywhere."""

    def read(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
        yield from ()
        return Found(thought_ends=(end,))

    return Form(name, (opening,), read, is_token=not begins_line, begins_line=begins_line, thought_ends=(end,))


def dsml_forms(prefix: str) -> tuple[Form, ...]:
    """Return the forms of DeepSeek V3.2 and V4, whose tags begin with a token."""
    tags, calls, tool_calls = invoke_tags(prefix), outer(f"{prefix}function_calls"), outer(f"{prefix}tool_calls")
    return (
        Form("DeepSeek V3.2", (calls.start,), in_tags(tags, calls), is_token=True),
        Form("DeepSeek V4", (tool_calls.start,), in_tags(tags, tool_calls), is_token=True),
        Form("DeepSeek V3.2", tags.call, in_tags(tags, calls, is_open=True), is_token=True),
    )


TAG_FORMS = (
    Form("tool_call tags", ("<tool_call>",), read_tool_call),
    Form("tool_call tags", TOOL_CALL_TAGS.call, in_tags(TOOL_CALL_TAGS, is_open=True)),
    Form("tool_use tags", (TOOL_USE.start,), read_tool_use),
    Form("tool_calls tags", ("<tool_calls>",), read_tool_calls),
    Form("function tags", FUNCTION_TAGS.call, in_tags(FUNCTION_TAGS, is_open=True)),
    Form("invoke tags", INVOKE_TAGS.call, in_tags(INVOKE_TAGS, is_open=True)),
    Form("invoke tags", (INVOKE,), in_named_tags(FUNCTION_CALLS)),
    Form("invoke tags", ANTHROPIC_INVOKE.call, in_tags(ANTHROPIC_INVOKE, is_open=True)),
    Form("function_calls tags", (FUNCTION_CALLS.start,), in_function_calls(FUNCTION_CALLS, INVOKE_TAGS)),
    Form("function_calls tags", (ANTHROPIC_CALLS.start,), in_function_calls(ANTHROPIC_CALLS, ANTHROPIC_INVOKE)),
    Form("Seed-OSS", (SEED.start,), in_tags(FUNCTION_TAGS, SEED)),
    Form("MiniMax M2", (MINIMAX.start,), in_tags(INVOKE_TAGS, MINIMAX)),
    Form("Nemotron", ("<TOOLCALL>",), in_json("</TOOLCALL>")),
    Form("LongCat", ("<longcat_tool_call>",), in_json("</longcat_tool_call>")),
    Form("function_call tags", ("<function_call>",), in_json("</function_call>")),
    Form("functioncall tags", ("<functioncall>",), in_json("</functioncall>")),
    Form("tool tags", ("<tool>",), in_json("</tool>")),
    Form("tools tags", ("<tools>",), in_json("</tools>")),  # Qwen2.5-Coder repeats the tag of its definitions
    Form("tool_code tags", ("<tool_code>",), in_python("</tool_code>")),
    Form("[Calling tool:", token_forms.CALLING_TOOL, token_forms.read_calling_tool),
    Form("[TOOL_CALL]", (token_forms.TOOL_CALL,), token_forms.read_mistral_calls),
    *(
        thought(f"{name} tags", f"<{tag}>", f"</{tag}>")
        for name in ("think", "thinking", "thought", "reasoning")
        for tag in (name, name.title(), name.upper())
    ),
    thought("Sky-T1", "<|begin_of_thought|>", "<|end_of_thought|>"),
    thought("think tokens", "<|think|>", "<|/think|>"),
    thought("Seed-OSS", "<seed:think>", "</seed:think>"),
    thought("Magistral", "[THINK]", "[/THINK]"),
    thought("Kimi", "◁think▷", "◁/think▷"),
)
"""The forms in tags that also occur in texts about such tags."""

TOKEN_FORMS = (
    Form("Mistral", ("[TOOL_CALLS]",), token_forms.read_mistral_calls, is_token=True),
    Form("Llama 3", ("<|python_tag|>",), token_forms.read_python_tag, is_token=True),
    Form("Llama 4", ("<|python_start|>",), in_python("<|python_end|>"), is_token=True),
    Form("LFM2", ("<|tool_call_start|>",), in_python("<|tool_call_end|>"), is_token=True),
    Form("Granite and Phi-4", ("<|tool_call|>",), in_json("<|/tool_call|>"), is_token=True),
    Form(
        "DeepSeek",
        (*token_forms.DEEPSEEK_STARTS, *(call for call in token_forms.DEEPSEEK_CALLS if call != token_forms.KIMI_CALL)),
        token_forms.read_deepseek_calls,
        is_token=True,
    ),
    *(form for prefix in DSML for form in dsml_forms(prefix)),
    Form("Kimi K2", (*token_forms.KIMI_STARTS, token_forms.KIMI_CALL), token_forms.read_kimi_calls, is_token=True),
    Form("Solar", (token_forms.SOLAR_START, token_forms.SOLAR_CALL), token_forms.read_solar_calls, is_token=True),
    Form("FunctionGemma", (GEMMA_3.start,), read_gemma, is_token=True),
    Form("Gemma 4", (GEMMA_4.start,), read_gemma, is_token=True),
    Form("Command-R", ("<|START_ACTION|>",), in_json("<|END_ACTION|>"), is_token=True),
    Form("Apertus", ("<|tools_prefix|>",), in_json("<|tools_suffix|>"), is_token=True),
    Form("InternLM", ("<|action_start|>",), token_forms.read_internlm_call, is_token=True),
)
"""The forms that a token announces, of which the model's own text does not consist."""

MESSAGE_FORMS = (
    thought("Command-R", "<|START_THINKING|>", "<|END_THINKING|>", begins_line=False),
    thought("Gemma 4", "<|channel>thought", "<channel|>", begins_line=False),
    Form("Command-R", ("<|START_RESPONSE|>",), token_forms.read_mark, is_token=True, begins_line=True),
    Form("Command-R", ("<|END_RESPONSE|>",), token_forms.read_mark, is_token=True, is_mark=True),
    Form("harmony", harmony.STARTS, harmony.read_harmony, is_token=True),
    Form("harmony", harmony.ENDS, token_forms.read_mark, is_token=True, is_mark=True),
)
"""The tokens that divide a reply into thoughts and messages."""

WORD_FORMS = (
    Form("Phi-4", ("functools",), token_forms.read_functools, begins_line=True),
    Form("ReAct", ("Action:",), token_forms.read_action, begins_line=True),
    Form("harmony", (harmony.STRIPPED,), harmony.read_stripped, is_token=True, begins_line=True),
    Form("harmony", ("to=functions.", "to=repo_browser."), harmony.read_harmony, is_token=True, begins_line=True),
)
"""The forms that begin with a word, at the beginning of a line."""

FORM_BY_OPENING = {
    opening: form for form in (*TAG_FORMS, *TOKEN_FORMS, *MESSAGE_FORMS, *WORD_FORMS) for opening in form.openings
}
OPENINGS = Literals(opening for form in (*TAG_FORMS, *TOKEN_FORMS, *MESSAGE_FORMS) for opening in form.openings)
CALL_TOKENS = Literals(opening for form in TOKEN_FORMS for opening in form.openings)
WORD_OPENINGS = Literals(opening for form in WORD_FORMS for opening in form.openings)
THOUGHT_TAGS = {opening: end for form in TAG_FORMS for opening in form.openings for end in form.thought_ends}
"""The tags that begin a thought, and those that end it."""
THOUGHT_ENDS = Literals(THOUGHT_TAGS.values())
THOUGHT_MARKS = Literals((*THOUGHT_TAGS, *THOUGHT_TAGS.values()))

TURN_ENDS = Literals(
    (
        "<|im_end|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|endoftext|>",
        "<|calls|>",
        "<|eot|>",
        "<|end|>",
        "<|end_of_text|>",
        "<|END_OF_TURN_TOKEN|>",
        "<|observation|>",
        "<|tool_response>",
        "<end_of_turn>",
        "<eos>",
        "[e~[",
        "</s>",
        "<｜end▁of▁sentence｜>",
        "<start_function_response>",
    )
)
"""The ends of turns, which some servers show."""

CALL_ENDS = Literals(
    (
        *TURN_ENDS.all,
        "</function>",
        "</tool_call>",
        "</tool_calls>",
        "</toolcall>",
        "</tool_response>",
        FUNCTION_CALLS.end,
        ANTHROPIC_CALLS.end,
        "</tools>",
    )
)
"""What may follow a call and is no text: the ends of turns, and end tags written twice."""
