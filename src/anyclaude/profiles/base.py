"""The facts that a profile holds about a kind of model server."""

from typing import Literal, TypeAlias

from msgspec import Struct

DialectName: TypeAlias = Literal["openai_chat"]

BackendName: TypeAlias = str
"""The name of a row in `PROFILES`; `profile_named` refuses every other."""

TokenCounting: TypeAlias = Literal["llamacpp_input_tokens", "vllm_tokenize", "estimate"]
"""How a prompt's tokens are counted before it is sent: `POST /v1/chat/completions/input_tokens`, `POST /tokenize`
with messages, or by an estimate because the server has no route."""

Continuation: TypeAlias = Literal["assistant_prefill", "continue_final_message", "none"]
"""How a server is asked to continue a reply that broke off: by a last message of the assistant (llama.cpp), by that
and `continue_final_message` (vLLM), or not at all."""

MidConversationSystem: TypeAlias = Literal["user_reminder", "system_message"]
"""How instructions in mid-conversation are sent: as user text in `<system-reminder>` tags, which every chat template
accepts, or as a system message in their place, on which many templates raise (vLLM issue 53393).  If a server renders
its template, the template is probed once (`backends/template_probe.py`)."""

EarlierReasoning: TypeAlias = Literal["drop", "reasoning_content", "always_reasoning_content"]
"""Whether the reasoning of earlier turns is sent back to the server: most chat templates drop it anyway, some only at
the next user message.  If a server renders its template, the template is probed once.  With the last value, every
message with a call has the field, an empty one if its reasoning is unknown (DeepSeek's and Kimi's thinking models)."""

SystemPrompt: TypeAlias = Literal["system_message", "first_user_message"]
"""Where the system prompt stands: some templates raise on the role (Gemma 2: "System role not supported")."""

TextAfterResults: TypeAlias = Literal["user_message", "last_result", "after_assistant"]
"""Where text stands that comes with tool results: in a user message after them, in the last of them, or in a user
message after a short one of the assistant.  Mistral's grammar has no user message after a result (mistral-common issue
169)."""

Prefill: TypeAlias = Literal["assistant_message", "in_question"]
"""How a conversation that ends in the assistant's words is sent: as it is, or with these words in the user's question
(llama.cpp: "Assistant response prefill is incompatible with enable_thinking")."""

CallsInMessage: TypeAlias = Literal["all", "one"]
"""Whether the calls that the model made at once are sent back in one message, or each in its own, before its result:
Llama 3's template raises on several ("This model only supports single tool-calls at once!", vLLM issue 25108)."""

EmptyContent: TypeAlias = Literal["null", "empty_string", "placeholder"]
"""The content of an assistant message that has only calls."""

ToolsSentAs: TypeAlias = Literal["tools", "words"]
"""Whether tools, calls and results are sent in the fields of Chat Completions, or described in the text of the
messages, for a model or server that has no such fields; calls in the reply's text are recognised in both cases."""

ToolNames: TypeAlias = Literal["chat_completions", "plain"]
"""The characters and the length of tool names on the wire: letters, digits, `_` and `-` up to 64 characters, or only
letters, digits and `_` up to 32."""

ReplyFormat: TypeAlias = Literal["json_schema", "json_object", "words"]
"""How a reply's JSON format is asked for: by its schema, as any JSON object with the schema in words, or in words."""

WrittenCalls: TypeAlias = Literal["as_text", "as_calls"]
"""How a call that the model wrote into the text of its reply is sent back: as that text, if the model's template shows
a result whose call stands in a text, or as a structured call, which every template that knows tools shows.  Only the
former is what the engine has in its cache.  If a server renders its template, the template is probed once."""

ForcedCalls: TypeAlias = Literal["tool_choice", "json_schema", "words"]
"""How a server is made to call a tool: by `tool_choice`, where its engine enforces that; by `response_format` with
the schema of a call, which engines enforce that take `tool_choice` for a wish (the reply is then one JSON object); or
only asked, in a sentence at the end of the prompt."""

AutoToolChoice: TypeAlias = Literal["auto", "none"]
"""What is sent where the model may choose: vLLM without a parser for the model's calls refuses `auto`, and with `none`
leaves the calls in the text, where they are recognised."""

ThinkingSwitch: TypeAlias = Literal["none", "enable_thinking", "thinking", "reasoning_effort"]
"""How a model's thinking is switched on and off: not at all, by a variable of its chat template (`enable_thinking`:
Qwen3, GLM-4.5; `thinking`: DeepSeek V3.1, Granite), or off only by `reasoning_effort: none`."""

RepetitionSampling: TypeAlias = Literal["frequency_penalty", "dry"]
"""How a model is kept from repeating itself: by the field of Chat Completions, or by the DRY sampler of llama.cpp,
which lowers only what would extend a repetition."""


ModelNames: TypeAlias = Literal["listed", "any", "open"]
"""Which names of models a server takes: those in its list alone, any name, which then means the model it runs, or
perhaps others than those in its list."""


class FieldRange(Struct, frozen=True):
    """
    The values of a field that a server accepts: numbers or lengths of a list, both ends included, or the listed words.
    """

    name: str
    lowest: float | None = None
    highest: float | None = None
    values: tuple[str, ...] = ()


FactsSource: TypeAlias = Literal["llamacpp_props", "lmstudio_models", "ollama_show", "openai_models"]
"""Where a server reports the model it runs and the size of the window: `GET /props`, `GET /api/v0/models`,
`GET /api/ps` and `POST /api/show`, or fields that some servers add to `GET /v1/models`."""


class BackendProfile(Struct, frozen=True, kw_only=True):
    """
    One kind of server.  Every quirk is a field with a name, a default, and its source.

    `base_url` is the server's usual address, with the `/v1` of its Chat Completions route; `other_urls` are further
    usual ones, such as those of other releases.
    """

    name: BackendName
    title: str
    base_url: str
    other_urls: tuple[str, ...] = ()
    dialect: DialectName = "openai_chat"
    is_remote: bool = False
    is_own: bool = False
    """Whether anyclaude starts it itself, at a free port that the user need not know."""
    api_key_variable: str | None = None
    accepts_top_k: bool = True
    accepts_named_tool_choice: bool = True
    accepts_parallel_tool_calls: bool = True
    forces_calls_by: ForcedCalls = "tool_choice"
    compiles_tool_schemas: bool = False
    """Whether the server makes a grammar of each tool's schema, and refuses the whole request if it cannot."""
    names_stop_sequences: bool = False
    """Whether the server says which stop sequence has ended a reply.  To the others they are not sent: the gateway
    finds them in the text."""
    repetition_sampling: RepetitionSampling = "frequency_penalty"
    accepts_images: bool = True
    accepts_image_urls: bool = True
    image_types: tuple[str, ...] = ("image/png", "image/jpeg")
    """The media types of pictures that the server reads.  llama.cpp decodes with stb_image, which has no WebP (its
    issue 28230, and cline issue 8977: "Failed to load image or audio file"), so neither has what is built on it: LM
    Studio (bug tracker, issue 1150), Ollama before it converted them (its pull request 17755)."""
    max_image_edge: int = 2_000
    """The longest edge of a picture that is sent, in pixels.  Claude Code and Anthropic's API have the same bound for
    conversations with many images (docs: Vision), so what the client has scaled is never touched."""
    accepts_reasoning_effort: bool = False
    mid_conversation_system: MidConversationSystem = "user_reminder"
    earlier_reasoning: EarlierReasoning = "drop"
    written_calls: WrittenCalls = "as_calls"
    opens_thinking: bool = False
    """Whether the template ends the prompt inside an open thinking tag, so that the reply's text begins with the
    reasoning.  If a server shows its template, this is read from it."""
    thinking_switch: ThinkingSwitch = "none"
    """If a server renders its template, the template is probed once: a switch that changes how earlier turns are
    rendered is not used, because it would have the whole prompt evaluated again."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    template_path: str | None = None
    """The route, from the server's root, that renders a conversation with the model's chat template."""
    tokenize_path: str | None = None
    """The route, from the server's root, that returns the tokens of a text."""
    token_counting: TokenCounting = "estimate"
    continuation: Continuation = "none"
    identity_path: str | None = None
    identity_marker: str = ""
    identity_owner: str = ""
    """The `owned_by` of its models, by which a server is identified that wants a key at `identity_path`."""
    version_path: str | None = None
    """The route, from the server's root, that reports the server's version, where no other answer does."""
    facts_from: FactsSource = "openai_models"
    how_to_start: str = ""
    model_names: ModelNames = "open"
    variant_marks: str = ""
    """The characters after which a name may say which variant of a listed model is meant, as in `model:free`."""
    how_to_list: str = ""
    """The command that lists its models, where it has one."""
    has_unique_reply_ids: bool = True
    """Whether an id that an earlier reply had means that the server wrote that reply into this one."""
    started_model: str | None = None
    """The name under which the server knows the model it was started with, if its list holds others beside it."""
    counts_cached_tokens: bool = False
    """Whether `usage.prompt_tokens` is known to count the whole prompt, as the API says, and not only the tokens that
    were not cached.  A reply that reports its cached tokens shows it as well."""
    running_path: str | None = None
    """The route, from the server's root, that lists what it computes, for a server that continues a reply after its
    client has left, and refuses others meanwhile (`scheduling/abandoned_work.py`)."""
    parallel_requests: int = 1
    keeps_evicted_prompts: bool = False
    """Whether a prompt that another one evicts is kept elsewhere; if not, the gateway lets a conversation finish its
    turn before it admits another one."""
    moves_kept_prompts: bool = False
    """Whether a prompt that is kept goes to the one that begins most like it, and is lost to its own conversation."""
    conversation_field: str | None = None
    """The body's field for a key of the conversation, if the server's documentation says that it helps its cache."""
    omitted_fields: tuple[str, ...] = ()
    """The fields of the body that this server refuses; the request must mean the same without them."""
    field_ranges: tuple[FieldRange, ...] = ()
    auto_tool_choice: AutoToolChoice = "auto"
    tools_sent_as: ToolsSentAs = "tools"
    tool_names: ToolNames = "chat_completions"
    plain_tool_schemas: bool = False
    """Whether tool schemas are reduced to the keywords that every server knows."""
    max_description_characters: int | None = None
    """The length to which descriptions of tools are shortened."""
    names_results: bool = False
    """Whether a tool's result has the name of the tool."""
    requires_signatures: bool = False
    """Whether a call without a signature is refused, even one that another model made: Gemini 3, which takes a
    placeholder for it (ai.google.dev, Thought signatures)."""
    system_prompt: SystemPrompt = "system_message"
    text_after_results: TextAfterResults = "user_message"
    prefill: Prefill = "assistant_message"
    empty_content: EmptyContent = "null"
    calls_in_message: CallsInMessage = "all"
    reply_format: ReplyFormat = "json_schema"
    reports_progress: bool = False
    """Whether the server reports how far it is if `return_progress` and `timings_per_token` ask for it."""
    max_reply_characters: int | None = None
    """The length of a reply's text at which it is ended, for a model that cannot write a longer one."""
    streams: bool = True
    """Whether the reply can be requested as a stream; one that cannot arrives whole."""

    @property
    def usual_urls(self) -> tuple[str, ...]:
        """The addresses at which a server of this kind is looked for, in their order."""
        return (self.base_url, *self.other_urls)
