"""The llama.cpp that anyclaude starts itself."""

from msgspec.structs import replace

from .base import BackendProfile

EMBEDDED = BackendProfile(
    name="embedded",
    title="the embedded engine",
    base_url="http://127.0.0.1:0/v1",  # a free port, known once the engine is running
    is_own=True,
    model_names="any",
    accepts_named_tool_choice=False,
    # With "required" SmolLM2 wrote free text to its limit, 300 of 300 tokens; with a schema it called (b11549).
    forces_calls_by="json_schema",
    compiles_tool_schemas=True,
    repetition_sampling="dry",
    template_path="/apply-template",
    tokenize_path="/tokenize",
    token_counting="llamacpp_input_tokens",
    continuation="assistant_prefill",
    reports_progress=True,
    keeps_evicted_prompts=True,  # in memory, because `SAME_CONVERSATION_SHARE` distinguishes them
    moves_kept_prompts=True,
)

DEMONSTRATION = replace(
    EMBEDDED,
    # About 500 tokens, 10 s on two cores.  SmolLM2-135M answers in a sentence or two; what it writes beyond a page
    # repeats itself.
    max_reply_characters=2_000,
)
"""The same with the demonstration model, which runs if the user has chosen none."""
