"""
What servers really answered, each with its source: an issue on GitHub, the server's own source, or its documentation.

Numbers and names are as they were reported.
"""

OVERFLOWS: tuple[tuple[str, str], ...] = (
    # llama.cpp and what is built on it
    ("llama.cpp", "request (20652 tokens) exceeds the available context size (8192 tokens), try increasing it"),
    ("llama.cpp, before 2025-11", "the request exceeds the available context size, try increasing it"),
    ("llama.cpp, type", "exceed_context_size_error"),
    ("llama.cpp, in mid-reply", "Context size has been exceeded."),
    ("llama.cpp, older", "Input prompt is too big compared to KV size. Please try increasing KV size."),
    (
        "LocalAI: lfnovo/open-notebook#470",
        "rpc error: code = Internal desc = request (20652 tokens) exceeds the available context size (8192 tokens), "
        "try increasing it",
    ),
    (
        "LM Studio: lmstudio-bug-tracker#546",
        "Trying to keep the first 111490 tokens when context the overflows. However, the model is loaded with context "
        "length of only 32768 tokens, which is not enough. Try to load the model with a larger context length, or "
        "provide a shorter input",
    ),
    (
        "LM Studio: openclaude#353",
        "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 13055>= "
        "n_ctx: 4096). Try to load the model with a larger context length, or provide a shorter input",
    ),
    ("LM Studio: opencode#11141", "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)"),
    ("LM Studio: lmstudio-ai/examples#29", "Error: Input length 6491 exceeds context length 1500"),
    ("Ollama", "the input length exceeds the context length"),
    ("Ollama, cloud", "prompt too long; exceeded max context length by 1234 tokens"),
    ("Ollama, older", "prompt is too long"),
    ("llama-cpp-python: #416", "Requested tokens (600) exceed context window of 512"),
    ("GPT4All", "ERROR: The prompt size exceeds the context window size and cannot be processed."),
    # vLLM, SGLang and other servers of clusters
    (
        "vLLM, 2024: #20409",
        "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens (112946 in the "
        "messages, 10000 in the completion). Please reduce the length of the messages or completion.",
    ),
    (
        "vLLM, 2025: QwenLM/Qwen-Agent#759",
        "This model's maximum context length is 16384 tokens. However, your request has 18225 input tokens. Please "
        "reduce the length of the input messages. None",
    ),
    (
        "vLLM, 2026: earendil-works/pi#5929",
        "This model's maximum context length is 262144 tokens. However, you requested 0 output tokens and your prompt "
        "contains at least 262145 input tokens, for a total of at least 262145 tokens. Please reduce the length of the "
        "input prompt or the number of requested output tokens. (parameter=input_tokens, value=262145)",
    ),
    (
        "vLLM, its renderer",
        "You passed 32769 input tokens and requested 0 output tokens. However, the model's context length is "
        "only 32768 "
        "tokens, resulting in a maximum input length of 32768 tokens. Please reduce the length of the input prompt.",
    ),
    (
        "vLLM, its input processor",
        "The decoder prompt (length 41234) is longer than the maximum model length of 32768. Make sure that "
        "`max_model_len` is no smaller than the number of text tokens plus multimodal tokens. For image inputs, the "
        "number of image tokens depends on the number of images and their aspect ratios.",
    ),
    ("vLLM: #10440", "Input prompt (35247 tokens) is too long and exceeds limit of 1000"),
    (
        "vLLM, the reply's share",
        "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is "
        "8192 tokens "
        "and your request has 8000 input tokens (8192 > 8192 - 8000).",
    ),
    ("vLLM, nothing left", "max_tokens must be at least 1, got -3951."),
    ("SGLang: #8096", "The input (85050 tokens) is longer than the model's context length (32768 tokens)."),
    ("SGLang: #4048", "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens)."),
    (
        "SGLang: opencode#25230",
        "Requested token count exceeds the model's maximum context length of 202752 tokens. You requested a total of "
        "202941 tokens: 170941 tokens from the input messages and 32000 tokens for the completion. Please reduce the "
        "number of tokens in the input messages or the completion to fit within the limit.",
    ),
    (
        "transformers' tokenizer: sglang#7515",
        "Token indices sequence length is longer than the specified maximum sequence length for this model "
        "(18294 > 16384).",
    ),
    (
        "TGI: h2oai/h2ogpt#373",
        "Input validation error: `inputs` must have less than 2048 tokens. Given: 2222",
    ),
    (
        "TGI: huggingface/llm-vscode#94",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3474 `inputs` "
        "tokens and 60 "
        "`max_new_tokens`",
    ),
    ("TensorRT-LLM: tensorrtllm_backend#565", "Prompt length (200) exceeds maximum input length (1)"),
    (
        "TensorRT-LLM: tensorrtllm_backend#141",
        "Cannot process new request: Prompt length (5056) exceeds maximum sequence length (2048)",
    ),
    ("NIM: NVIDIA/nim-anywhere#58", "Input length 1024 exceeds maximum allowed token size 512"),
    ("TabbyAPI: SillyTavern#3543", "ValueError: Request length 71599 + 2048 is greater than max_seq_len 65536"),
    (
        "Atlas: inference-atlas#186",
        "Prompt too long: 5152 tokens exceeds max_seq_len 2048 (leave room for output tokens)",
    ),
    # Apple silicon
    ("oMLX: ClawX#658", "Prompt too long: 41911 tokens exceeds max context window of 32768 tokens"),
    ("mlx-serve: #66", "Prompt exceeds maximum context length"),
    (
        "Rapid-MLX: #400",
        "Batch generation failed: Total prompt tokens (11573) exceeds safe limit (2048) for 1 requests. Reduce prompt "
        "length or batch size",
    ),
    (
        "vMLX: #253",
        "prompt_too_long: tokenized VLM text prompt has 20767 tokens, max prompt/context tokens is 16384",
    ),
    ("ds4", "Prompt has 70,000 tokens, but the configured context size is 65,536 tokens"),
    # Clouds
    (
        "OpenAI, Chat Completions: crewAI-examples#121",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 8227 tokens. Please "
        "reduce the length of the messages.",
    ),
    (
        "OpenAI, with tools",
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 8227 tokens "
        "(8000 in the "
        "messages, 227 in the functions). Please reduce the length of the messages or functions.",
    ),
    ("OpenAI, code", "context_length_exceeded"),
    (
        "OpenAI, Responses",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
    ),
    ("OpenAI, 2026: senpi#1466", "Your input exceeds the model's context window"),
    (
        "Azure OpenAI",
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 428548 tokens.",
    ),
    (
        "Azure OpenAI, completions: llama_index#948",
        "This model's maximum context length is 4097 tokens, however you requested 4116 tokens (3860 in your "
        "prompt; 256 "
        "for  the completion). Please reduce your prompt; or completion length.",
    ),
    ("GitHub Models, code", "tokens_limit_reached"),
    ("Anthropic", "prompt is too long: 210000 tokens > 200000 maximum"),
    (
        "Anthropic, the reply's share: suna#172",
        "input length and `max_tokens` exceed context limit: 174167 + 64000 > 200000, decrease input length or "
        "`max_tokens` and try again",
    ),
    ("Bedrock: bedrock-chat#95", "Input is too long for requested model."),
    (
        "Bedrock, Claude: moca#254",
        "The model returned the following errors: prompt is too long: 200049 tokens > 200000 maximum",
    ),
    (
        "Gemini: gemini-cli#11507",
        "The input token count (461428) exceeds the maximum number of tokens allowed (131072)",
    ),
    ("Gemini: arkavo-edge#371", "The input token count exceeds the maximum number of tokens allowed (1048576)."),
    (
        "Mistral",
        "Prompt contains 140000 tokens and 0 draft tokens, too large for model with 131072 maximum context length",
    ),
    (
        "Cohere, documentation",
        "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 4292. Try using a shorter "
        "prompt, or enabling prompt truncating.",
    ),
    (
        "DeepSeek: Devonz#9",
        "This model's maximum context length is 131072 tokens. However, you requested 139162 tokens (130970 in the "
        "messages, 8192 in the completion). Please reduce the length of the messages or completion.",
    ),
    (
        "Kimi: kimi-cli#2011",
        "Invalid request: Your request exceeded model token limit: 262144 (requested: 291351)",
    ),
    ("GLM, code 1261: geode#668", "Prompt exceeds max length"),
    ("GLM, documentation, code 1261", "Prompt 超长"),
    ("MiniMax", "invalid params, context window exceeds limit (2013)"),
    (
        "DashScope: Qwen-Agent#615",
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
    ),
    ("Ark, Doubao", "Total tokens of image and text exceed max message tokens. Request id: 0217529643"),
    ("Qianfan, code 336103", "error_code: 336103, error_msg: Prompt tokens too long"),
    ("a gateway in Chinese", "输入长度超过模型上限"),
    ("Groq", "Please reduce the length of the messages or completion."),
    (
        "Cerebras",
        "Please reduce the length of the messages or completion. Current length is 136333 while limit is 131072",
    ),
    (
        "SambaNova: OpenHands#9252",
        "The maximum context length of DeepSeek-V3-0324 is 32768. However, answering your request will take 39732 "
        "tokens. Please reduce the length of the messages or the specified max_completion_tokens value.",
    ),
    ("Fireworks", "The prompt is too long: 140000, model maximum context length: 131071"),
    ("Together", "The input (140000 tokens) is longer than the model's context length (131072 tokens)."),
    ("xAI", "This model's maximum prompt length is 131072 but the request contains 537812 tokens."),
    (
        "OpenRouter",
        "This endpoint's maximum context length is 131072 tokens. However, you requested about 150000 tokens "
        "(118000 of "
        'text input, 32000 in the output). Please reduce the length of either one, or use the "middle-out" '
        "transform to "
        "compress your prompt automatically.",
    ),
    (
        "OpenRouter, Poolside: pi#4943",
        "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
    ),
    ("a compatible server: pi#5677", "Input length (265330) exceeds model's maximum context length (262144)."),
    ("Copilot: copilot-api#210", "prompt token count of 74490 exceeds the limit of 72000"),
    ("Copilot, code", "model_max_prompt_tokens_exceeded"),
    (
        "LiteLLM",
        "litellm.ContextWindowExceededError: litellm.BadRequestError: CerebrasException - Please reduce the "
        "length of the "
        "messages or completion. Current length is 229718 while limit is 131000",
    ),
)
"""The prompt is over the window."""

VAGUE_OVERFLOWS: tuple[tuple[str, str], ...] = (
    ("Cerebras, LMDeploy: lmdeploy#3453", ""),
    ("LMDeploy behind swift", "400 status code (no body)"),
    ("TGI, cut by a proxy", "Input validation error"),
    ("MiniMax", "invalid params"),
    ("any framework", "Internal Server Error"),
    ("any framework", "Bad Request"),
    ("nginx, client_max_body_size", "413 Request Entity Too Large"),
    ("Anthropic, type", "request_too_large"),
    ("Gemini", "Request payload size exceeds the limit: 20971520 bytes."),
    (
        "Bedrock: Amazon-Bedrock-Amazon-RDS-POC#9",
        "Malformed input request: expected maxLength: 42000, actual: 46735, please reformat your input and try again.",
    ),
    (
        "OpenAI",
        "Invalid 'messages[1].content': string too long. Expected a string with maximum length 10485760, but got a "
        "string with length 11000000 instead.",
    ),
)
"""The prompt may be over the window: the words alone do not decide it."""

OTHER_ERRORS: tuple[tuple[str, str], ...] = (
    # Rates and quotas
    (
        "Groq: openclaw#147644",
        "Request too large for model `openai/gpt-oss-120b` in organization `org_x` service tier `on_demand` "
        "on tokens per "
        "minute (TPM): Limit 8000, Requested 9000, please reduce your message size and try again.",
    ),
    ("Groq", "Rate limit reached for model `llama` on requests per day (RPD): Limit 1000, Used 1000, Requested 1."),
    ("Bedrock: opencode#13015", "Too many tokens per day, please wait before trying again."),
    ("Bedrock: agentao#88", "ThrottlingException: Too many tokens, please wait before trying again."),
    ("Cerebras: opencode#7463", "Tokens per minute limit exceeded - too many tokens processed."),
    ("Anthropic", "Number of request tokens has exceeded your per-minute rate limit"),
    (
        "Anthropic",
        "This request would exceed your organization's rate limit of 30,000 input tokens per minute.",
    ),
    ("Anthropic: openclaw#13747", "request reached organization TPD rate limit, current: 1506556, limit: 1500000"),
    ("Anthropic", "You have reached your specified API usage limits. You will regain access on 2026-12-01."),
    ("OpenAI", "You exceeded your current quota, please check your plan and billing details."),
    ("OpenAI", "This request exceeds the limit of 30000 tokens per minute"),
    ("OpenAI, code", "insufficient_quota"),
    ("Gemini", "Resource has been exhausted (e.g. check quota)."),
    (
        "Gemini",
        "Quota exceeded for metric: generate_content_free_tier_input_token_count, limit: 250000, model: "
        "gemini-2.5-flash",
    ),
    (
        "OpenRouter",
        "This request requires more credits, or fewer max_tokens. You requested up to 32000 tokens, but can "
        "only afford "
        "1234.",
    ),
    ("Kimi", "Your account is suspended, please check your plan and billing details: exceeded_current_quota_error"),
    ("Kimi", "max organization concurrency: 1, please try again after 1 seconds"),
    ("GLM", "您的账户已达到速率限制,请您控制请求频率"),
    ("GLM", "余额不足或无可用资源包,请充值。"),
    ("DashScope", "Requests rate limit exceeded, please try again later."),
    ("LiteLLM", "Budget has been exceeded! Current cost: 10.1, Max budget: 10.0"),
    ("LiteLLM", "Crossed TPM / RPM / Max Parallel Request Limit. Max Parallel Requests: 5"),
    # The length of the reply
    (
        "OpenAI: optillm#4",
        "max_tokens is too large: 8192. This model supports at most 4096 completion tokens, whereas you provided 8192.",
    ),
    (
        "Anthropic: CoolCline#23",
        "max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for "
        "claude-3-7-sonnet-20250219",
    ),
    (
        "Ark: openclaude#331",
        "The parameter `max_completion_tokens` specified in the request are not valid: integer above maximum value, "
        "expected a value <= 12288, but got 32000 instead.",
    ),
    ("Bedrock: charmbracelet/crush#946", "The maximum tokens you requested exceeds the model limit of 32768"),
    ("DeepSeek", "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"),
    ("DashScope", "Range of max_tokens should be [1, 8192]"),
    ("Groq", "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` for this model"),
    (
        "Cohere",
        "too many tokens: max tokens must be less than or equal to 4096, the maximum output for this model - received "
        "8192.",
    ),
    (
        "vLLM",
        "max_tokens=4096 cannot be greater than max_model_len=max_total_tokens=2048. Please request fewer "
        "output tokens.",
    ),
    ("vLLM", "max_tokens must be at least 1, got 0."),
    ("any", "max_tokens must be <= 8192"),
    ("Anthropic", "`max_tokens` must be greater than `thinking.budget_tokens`."),
    ("Gemini", "Requested output token limit exceeds the supported range from 1 to 65537"),
    (
        "OpenAI",
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    ),
    # Fields, tools, schemas
    (
        "OpenAI",
        "Invalid 'tools[0].function.name': string too long. Expected a string with maximum length 64, but got a string "
        "with length 71 instead.",
    ),
    (
        "OpenAI",
        "Invalid 'tools[3].function.description': string too long. Expected a string with maximum length "
        "1024, but got a "
        "string with length 4012 instead.",
    ),
    (
        "OpenAI",
        "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40, but got a "
        "string with length 52 instead.",
    ),
    (
        "OpenAI",
        "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 140.",
    ),
    (
        "OpenAI",
        "Invalid 'prompt_cache_key': string too long. Expected a string with maximum length 64, but got length 80.",
    ),
    (
        "OpenAI",
        "Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length 5.",
    ),
    ("Groq", "maximum number of tools (128) exceeded"),
    ("Copilot", "Tool limit exceeded: 140 tools were sent, at most 128 are supported"),
    ("Gemini", "Request contains an invalid argument: tools: too many function declarations, the limit is 512"),
    ("Cerebras", "Schema exceeds the maximum nesting depth of 10 levels"),
    ("pydantic", "body.top_p: Input should be less than or equal to 1"),
    ("pydantic", "body.temperature: Input should be less than or equal to 2"),
    ("vLLM", "Requested prompt logprobs of 30, which is greater than max allowed: 20"),
    ("llama.cpp", "Failed to parse grammar"),
    ("llama.cpp", "Failed to parse tools: [json.exception.type_error.302] type must be array, but is object"),
    ("llama.cpp", "Unable to generate parser for this template. Automatic parser generation failed"),
    ("a template", "Conversation roles must alternate user/assistant/user/assistant/..."),
    ("Gemini", "Unknown name \"$schema\" at 'tools[0]': Cannot find field."),
    ("Gemini", "Function call is missing a thought_signature in functionCall parts."),
    # Media and sizes
    (
        "Anthropic",
        "messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6234567 bytes > 5242880 bytes",
    ),
    (
        "Anthropic",
        "At least one of the image dimensions exceed max allowed size for many-image requests: 2000 pixels",
    ),
    ("Anthropic", "A maximum of 100 PDF pages may be provided."),
    ("OpenAI", "Maximum content size limit (26214400) exceeded for the audio file (30000000 bytes read)"),
    # Time, load, memory
    ("Go", "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"),
    ("Go", 'Post "http://127.0.0.1:8080/v1/chat/completions": context deadline exceeded'),
    ("Go", "context canceled"),
    ("Python", "HTTPConnectionPool(host='127.0.0.1', port=8000): Max retries exceeded with url: /v1/chat/completions"),
    ("Python", "maximum recursion depth exceeded while calling a Python object"),
    ("SGLang", "The request queue is full."),
    ("TGI", "Model is overloaded"),
    ("Ollama", "server busy, please try again.  maximum pending requests exceeded"),
    ("Ollama", "model requires more system memory (5.0 GiB) than is available (3.1 GiB)"),
    ("Ollama", "llama runner process has terminated: cudaMalloc failed: out of memory"),
    ("PyTorch", "CUDA out of memory. Tried to allocate 2.00 GiB."),
    ("llama.cpp", "Loading model"),
    # Anything else
    ("OpenAI", "The model `gpt-9` does not exist or you do not have access to it."),
    ("Ollama", 'model "qwen3" not found, try pulling it first'),
    ("Ollama", "registry.ollama.ai/library/gemma:2b does not support tools"),
    ("Python", "Expecting ',' delimiter: line 1 column 4096 (char 4095)"),
    (
        "Azure OpenAI",
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    ),
    ("any", "Token expired: the access token is too old"),
    ("OpenAI", "Incorrect API key provided."),
)
"""Something else was refused, in words that overflows have too."""

REFUSED_IMAGES: tuple[tuple[str, str], ...] = (
    ("vLLM", "At most 1 image(s) may be provided in one prompt."),
    ("llama.cpp", "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
)
"""Images were refused, in words that overflows have too."""

BAD_SAMPLES: tuple[tuple[str, str], ...] = (
    ("llama.cpp: #20761, pwilkin/llama.cpp#5", "Failed to parse input at pos 184: <tool_call>read"),
    (
        "llama.cpp: club-3090#1195",
        "Failed to parse tool call arguments as JSON: [json.exception.parse_error.101] parse error at line "
        "1, column 74: "
        "syntax error while parsing value - unexpected end of input; expected '[', '{', or a literal",
    ),
    ("llama.cpp", "Invalid diff: now finding less tool calls!"),
    (
        "llama.cpp behind LiteLLM: pentagi#313",
        "litellm.InternalServerError: InternalServerError: Custom_openaiException - Failed to parse tool "
        "call arguments "
        "as JSON: [json.exception.parse_error.101] parse error at line 1, column 131",
    ),
    (
        "Ollama: #12884",
        "error parsing tool call: raw='{\"path\":\"a\"}]', err=invalid character ']' after top-level value",
    ),
    ("Ollama: langchain#34746", 'error parsing tool call: raw=\'{"reflection":"I\', err=unexpected end of JSON input'),
    ("Ollama: #12064", "error parsing tool call: invalid character ']' after object key:value pair"),
    ("Ollama", "unexpected end of JSON input"),
    ("Ollama: #15315", "gemma4 tool call parsing failed"),
    ("Ollama, Qwen3-Coder's parser", "XML syntax error on line 3: element <function> closed by </parameter>"),
    (
        "LM Studio: #942",
        "Failed to generate a tool call (this tool call will be omitted from the response):  Failed to parse "
        "tool call: "
        "Unexpected end of content. Model Output:  <|start|>assistant",
    ),
    (
        "LM Studio: lmstudio-js#493",
        'Failed to parse tool call: Expected "<|message|>", but got "to=function" at index 89.',
    ),
    ("LM Studio: #1358", "Model failed to generate a tool call"),
    ("vLLM: #51977", 'unexpected tokens remaining in message header: Some("to=functions.web-browsing")'),
    ("vLLM: #22515", "Unexpected token 12606 while expecting start token 200006"),
    ("vLLM: tenstorrent/vllm#386", "channel marker present but no channel value found in header"),
    ("vLLM: tenstorrent/vllm#386", "Unknown role: assistantassistant"),
    ("vLLM, Mistral's parser: #30651", "Expecting value: line 1 column 1 (char 0)"),
    ("Python, in a tool parser", "Unterminated string starting at: line 1 column 7372 (char 7371)"),
    ("Python, in a tool parser", "Extra data: line 1 column 42 (char 41)"),
    (
        "Groq: groq-typescript#28",
        "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
    ),
    ("Groq, code", "tool_use_failed"),
    ("Gemini", "MALFORMED_FUNCTION_CALL"),
    ("a gateway", "invalid tool call arguments"),
    ("a gateway", "could not parse model output"),
)
"""The server could not read what its model wrote."""

OTHER_FAULTS: tuple[tuple[str, str], ...] = (
    ("llama.cpp", "Failed to parse grammar"),
    ("llama.cpp", "Failed to parse tools: [json.exception.type_error.302] type must be array, but is object"),
    ("llama.cpp", "Failed to parse messages: Unsupported content part type: thinking; messages = [...]"),
    ("llama.cpp", "Value is not callable: null at row 12, column 4 of the template"),
    ("Go", "failed to parse request body: unexpected end of JSON input"),
    ("any", "invalid tool_call_id: call_1 has no matching call"),
    ("any", "Invalid tool call id: call_1"),
    ("Ollama", "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error"),
    ("any", "Internal Server Error"),
    ("any", ""),
)
"""Another fault of the server, or of the request: a second sample would not be better."""
