"""Ollama."""

from .base import BackendProfile

OLLAMA = BackendProfile(
    name="ollama",
    title="Ollama",
    base_url="http://127.0.0.1:11434/v1",
    api_key_variable="OLLAMA_API_KEY",
    accepts_top_k=False,  # its /v1 ignores options; top_k has no field there
    accepts_image_urls=False,  # base64 only (docs: OpenAI compatibility)
    accepts_named_tool_choice=False,  # tool_choice has no effect (docs: OpenAI compatibility)
    # Its request has no `tool_choice`; `response_format` becomes the engine's `format`
    # (openai/openai.go: ChatCompletionRequest, FromChatRequest).
    forces_calls_by="json_schema",
    # Any other effort is refused by a model that does not think (openai/openai.go: thinkFromReasoningEffort;
    # server/routes.go: "does not support thinking").
    thinking_switch="reasoning_effort",
    has_unique_reply_ids=False,  # one of 999 (middleware/openai.go: rand.Intn)
    counts_cached_tokens=True,  # the prompt's inputs, cached or not (runner/ollamarunner/runner.go: numPromptInputs)
    identity_path="/api/version",
    identity_marker='"version"',
    facts_from="ollama_show",
    model_names="listed",  # all that is downloaded, and loaded when it is asked for; nothing is pulled by a request
    how_to_list="ollama list",
    how_to_start="ollama serve",
)
