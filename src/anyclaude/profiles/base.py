"""The shape of what we know about a model server and about the models it runs."""

from typing import Literal, TypeAlias

from msgspec import Struct

DialectName: TypeAlias = Literal["openai_chat"]

BackendName: TypeAlias = str
"""The name of a row in `PROFILES`; `profile_named` refuses every other."""

TokenCounting: TypeAlias = Literal["llamacpp_input_tokens", "vllm_tokenize", "estimate"]
"""How a prompt's tokens are counted before it is sent: `POST /v1/chat/completions/input_tokens`, `POST /tokenize`
with messages, or not by the server at all."""

Continuation: TypeAlias = Literal["assistant_prefill", "continue_final_message", "none"]
"""How a server is asked to go on with a reply that was cut: by a last message of the assistant (llama.cpp), by that
and `continue_final_message` (vLLM), or not at all."""


MidConversationSystem: TypeAlias = Literal["user_reminder", "system_message"]
"""How instructions in mid-conversation are said: as text of the user in `<system-reminder>` tags, which every chat
template takes, or as a system message in their place, on which many templates raise (vLLM issue 53393).  A server
that shows what its template does is asked once (`backends/template_probe.py`)."""

EarlierReasoning: TypeAlias = Literal["drop", "reasoning_content"]
"""Whether the reasoning of earlier turns goes back to the server: most chat templates would drop it anyway, some only
when the user speaks again.  A server that shows what its template does is asked once."""

FactsSource: TypeAlias = Literal["llamacpp_props", "lmstudio_models", "ollama_show", "openai_models"]
"""Where a server tells which model it runs and how large the window is: `GET /props`, `GET /api/v0/models`,
`GET /api/ps` and `POST /api/show`, or fields that some servers add to `GET /v1/models`."""


class BackendProfile(Struct, frozen=True, kw_only=True):
    """
    One kind of server.  Every quirk is a field with a name, a default, and its source.

    `base_url` is where the server usually listens, with the `/v1` that its Chat Completions
    route stands under.
    """

    name: BackendName
    title: str
    base_url: str
    dialect: DialectName = "openai_chat"
    is_remote: bool = False
    api_key_variable: str | None = None
    accepts_top_k: bool = True
    accepts_named_tool_choice: bool = True
    accepts_parallel_tool_calls: bool = True
    accepts_images: bool = True
    accepts_image_urls: bool = True
    accepts_reasoning_effort: bool = False
    mid_conversation_system: MidConversationSystem = "user_reminder"
    earlier_reasoning: EarlierReasoning = "drop"
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    template_path: str | None = None
    """Where the server shows how the model's chat template renders a conversation, from its root."""
    tokenize_path: str | None = None
    """Where the server tells the tokens of a text, from its root."""
    token_counting: TokenCounting = "estimate"
    continuation: Continuation = "none"
    identity_path: str | None = None
    identity_marker: str = ""
    facts_from: FactsSource = "openai_models"
    how_to_start: str = ""
    parallel_requests: int = 1
    keeps_evicted_prompts: bool = False
    """Whether a prompt that another one displaces is kept elsewhere; where it is not, the gateway lets a conversation
    finish its turn before another one comes."""
    conversation_field: str | None = None
    """The body's field for a key of the conversation, where the server's documentation says that it helps its cache."""
