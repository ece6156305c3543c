"""The chat template that a model runs with: its own, or one of ours that supports tools."""

import re
from dataclasses import dataclass
from importlib.resources import files

from .gguf import GgufMetadata


@dataclass(frozen=True)
class TemplateRule:
    """Models whose own template contains `marker` and whose name matches `name` run with the template `file`."""

    file: str
    marker: re.Pattern[str]
    name: re.Pattern[str]
    overrides_tool_support: bool


_ANY_NAME = re.compile("")
_CHATML = re.compile(re.escape("<|im_start|>"))
# A template that never mentions the variable `tools` cannot render them: llama.cpp silently drops them.
_SUPPORTS_TOOLS = re.compile(r"\btools\b")

TEMPLATE_RULES = (
    # Qwen2.5-Coder has a template with <tool_call> tags, but writes its calls in a fenced block of JSON instead, so
    # that llama.cpp returns them as text (seen with 0.5B and 1.5B, Q4_K_M, temperature 0).
    TemplateRule(
        file="qwen2.5-coder.jinja",
        marker=_CHATML,
        name=re.compile(r"qwen[ -]?2\.5[ -]coder", re.IGNORECASE),
        overrides_tool_support=True,
    ),
    # SmolLM2's own template has default instructions, and ignores tools.
    TemplateRule(
        file="smollm2.jinja",
        marker=_CHATML,
        name=re.compile(r"smollm2", re.IGNORECASE),
        overrides_tool_support=False,
    ),
    # Similar models use ChatML, with a template that ignores tools.
    TemplateRule(file="chatml.jinja", marker=_CHATML, name=_ANY_NAME, overrides_tool_support=False),
)
# llama.cpp uses plain ChatML for a model without a template.
_DEFAULT_FILE = "chatml.jinja"


def chat_template_for(model: GgufMetadata) -> str | None:
    """Return the template to run the model with; None means its own, which may not support tools."""
    if not model.chat_template:
        return shipped_template(_DEFAULT_FILE)
    for rule in TEMPLATE_RULES:
        if _applies(rule, model):
            return shipped_template(rule.file)
    return None


def shipped_template(file: str) -> str:
    """Return the text of a template that ships with anyclaude."""
    return (files(__package__) / "templates" / file).read_text(encoding="utf-8")


def _applies(rule: TemplateRule, model: GgufMetadata) -> bool:
    if _SUPPORTS_TOOLS.search(model.chat_template) and not rule.overrides_tool_support:
        return False
    return bool(rule.marker.search(model.chat_template)) and any(
        rule.name.search(name) for name in model.names or ("",)
    )
