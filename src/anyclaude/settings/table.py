"""
The table of all settings: the one place that describes them.

The help of the command line, the error messages and `docs/settings.md` are made from it.  A new setting is a field of
`Settings`, with its type and its default, and a row in here.
"""

from collections.abc import Sequence

from msgspec import Struct

from anyclaude.diet import DEFAULT_DIET
from anyclaude.timeouts import Timeouts
from anyclaude.web.options import KEY_VARIABLES, PROVIDERS

from .setting import Setting
from .values import AUTO, FORMER_MODES, MODES, Fallback


class Group(Struct, frozen=True):
    """Settings that belong together, under a heading."""

    title: str
    settings: Sequence[Setting]


SERVER = Group(
    "Model server",
    (
        Setting(
            name="mode",
            metavar="NAME",
            meaning="The kind of model server. `auto` takes the server at `backend_url`, whatever its kind, else one "
            "at the usual addresses on this machine (one with a loaded model goes first), else the embedded engine. "
            "`claude` is Anthropic's own API, unchanged.",
            choices=MODES,
            source="a server that is running is meant to be used; the order is that of `profiles/table.py`",
            has_flag=True,
            old_values=tuple(FORMER_MODES.items()),
        ),
        Setting(
            name="backend_url",
            metavar="URL",
            meaning="The address of the server. `/v1` is added if it has no path; a query goes with each request.",
            allowed="an address such as http://127.0.0.1:8080/v1 or unix:/run/server.sock",
            otherwise="the usual address of its kind",
            source="the documentation of each server (the modules of `profiles/`)",
            has_flag=True,
        ),
        Setting(
            name="ca_file",
            metavar="FILE",
            meaning="Certificates (PEM) that are trusted besides the system's, for a server with one of its own.",
            otherwise="none; what `NODE_EXTRA_CA_CERTS`, `SSL_CERT_FILE`, `SSL_CERT_DIR`, `REQUESTS_CA_BUNDLE` and "
            "`CURL_CA_BUNDLE` name is trusted too",
            source="the variables of OpenSSL, requests, curl and Node",
        ),
        Setting(
            name="model",
            metavar="NAME",
            meaning="The server's model. For the embedded engine: a GGUF file, or ORG/REPO[:QUANT] of Hugging Face.",
            otherwise="the model that the server has loaded, or its first; embedded: SmolLM2-135M-Instruct",
            source="SmolLM2 is small enough for every machine (93 MB), and its license is Apache-2.0",
            has_flag=True,
        ),
        *(
            Setting(
                name=f"{tier}_model",
                metavar="NAME",
                meaning=meaning,
                otherwise="the model of the run",
                source="a second model displaces the first one's prompt from the cache",
                has_flag=True,
            )
            for tier, meaning in (
                ("opus", "The model for Claude Code's `opus`."),
                ("sonnet", "The model for Claude Code's `sonnet`."),
                ("haiku", "The model for Claude Code's `haiku`, which also does auxiliary calls such as titles."),
                ("subagent", "The model of sub-agents."),
            )
        ),
        Setting(
            name="vision_model",
            metavar="NAME",
            meaning="The server's model that describes pictures for models that cannot see them "
            "([documents.md](documents.md#pictures)).",
            otherwise="none: a sentence stands in the place of a picture that the model cannot see",
            source="a request that the user did not make takes the server's time",
            has_flag=True,
        ),
        Setting(
            name="fallbacks",
            metavar="LIST",
            meaning="Servers to use if the first one fails, in this order. "
            "In the configuration file they are tables, `[[fallbacks]]`.",
            allowed="mode-or-url[#model], separated by commas",
            otherwise="none",
            source="a request goes nowhere that was not chosen",
            has_flag=True,
        ),
        Setting(
            name="api_key",
            metavar="KEY",
            meaning="The key for the server of this run. A fallback never gets it.",
            otherwise="the key in the variable of the kind of server",
            source="each server's documentation",
        ),
    ),
)

PROMPT = Group(
    "Prompt and reply",
    (
        Setting(
            name="diet",
            metavar="NAME",
            meaning="How much prompt a request carries: all of it, what a local model needs, or four tools and the "
            "shortest prompt.",
            otherwise=f"`{DEFAULT_DIET}`, or less where it would fill the window or is slow; `full` in mode `claude`",
            source="[diets.md](diets.md): 4,100 tokens in the first request instead of 20,400",
            has_flag=True,
        ),
        Setting(
            name="tool_calls",
            metavar="NAME",
            meaning="What is done for tool calls: nothing, reading those that the model wrote as text and repairing "
            "arguments, or in addition having the server keep to the tool's schema where it can.",
            source="without it no call that a model writes as text runs ([tool-calls.md](tool-calls.md))",
            has_flag=True,
        ),
        Setting(
            name="allowed_tools",
            metavar="LIST",
            meaning="The only tools that the model gets, by name or pattern (`Bash`, `mcp__github__*`).",
            allowed="names, separated by commas; a list in the file",
            otherwise="all tools",
            source="which tools are needed is the user's decision",
        ),
        Setting(
            name="context_tokens",
            metavar="N",
            meaning="The window, if the server does not report it. For the embedded engine: the window to allocate.",
            otherwise="the window that the server reports, else 32,768; embedded: as memory allows",
            source="32,768 is assumed because Claude Code takes an unknown model's window for a million tokens, and "
            "some servers cut long prompts silently",
            has_flag=True,
        ),
        Setting(
            name="max_output_tokens",
            metavar="N",
            meaning="The longest reply.",
            otherwise="a quarter of the window, at most 32,000",
            source="32,000 is Claude Code's own limit for unknown models; with a quarter, a file of 2,000 tokens can "
            "still be written in a window of 8,192",
            has_flag=True,
        ),
        Setting(
            name="repeated_calls",
            metavar="N",
            meaning="How often in a row the model may make the same calls with the same results before its turn is "
            "ended. It is told two rounds before, and sampled with a higher temperature one round before. 0 never "
            "ends a turn.",
            allowed="0, or a whole number of at least 4; 1 to 3 count as 4",
            source="[loops.md](loops.md); a file may be read again, but a small model read a missing one 27 times",
        ),
        Setting(
            name="endless_reply",
            metavar="BOOL",
            meaning="Whether a reply that repeats the same lines or words for thousands of characters is ended. In the "
            "arguments of a tool call, it takes more of them.",
            source="[loops.md](loops.md); such a reply ends only at `max_output_tokens`: half an hour at 20 tokens a "
            "second",
        ),
    ),
)

WEB = Group(
    "Web",
    (
        Setting(
            name="web_search",
            metavar="PROVIDER",
            meaning="What answers web searches: the address of a SearXNG, or a provider. Queries go there, and "
            "nowhere else ([web.md](web.md)).",
            allowed=f"an address such as http://localhost:8888, {', '.join(PROVIDERS)}, or off",
            otherwise="the address in `SEARXNG_URL`; without one, no search runs, and the model is told so",
            source="a query tells others what you work on, so none leaves this machine unasked",
            has_flag=True,
        ),
        Setting(
            name="web_search_key",
            metavar="KEY",
            meaning="The key for the provider of `web_search`.",
            otherwise="the key in " + " or ".join(f"`{variable}`" for variable in KEY_VARIABLES.values()),
            source="each provider's documentation",
        ),
        Setting(
            name="web_fetch",
            metavar="BOOL",
            meaning="Whether the gateway fetches pages of the public internet for clients that ask it to "
            "([web.md](web.md)). Claude Code fetches pages itself.",
            source="the address of a page can carry out what the model knows",
            has_flag=True,
        ),
    ),
)

ENGINE = Group(
    "Embedded engine",
    (
        Setting(
            name="speculation",
            metavar="NAME",
            meaning="Whether tokens are drafted from what the conversation repeats, and verified several at a time: "
            "two (`short`), or up to 16 (`long`). A reply may change where two tokens are nearly as likely.",
            otherwise="`off`; `short` with a draft model",
            source="[measured](benchmarks.md#speculation); on graphics cards nothing was",
            has_flag=True,
        ),
        Setting(
            name="draft_model",
            metavar="NAME",
            meaning="A smaller model of the same family, which drafts what the conversation does not repeat: a GGUF "
            "file, or ORG/REPO[:QUANT] of Hugging Face.",
            otherwise="the only smaller GGUF file beside the model that has its tokenizer and `draft` in its name",
            source="another model takes memory, and on a processor its time; the name shows that it is meant for this",
            has_flag=True,
        ),
        Setting(
            name="kv_type",
            metavar="NAME",
            meaning="How the context is stored: in 16 bits, or in 8 (`q8_0`), which nearly doubles the window that the "
            "memory has room for. Replies may differ; `anyclaude tune` shows what it costs.",
            otherwise="`f16`",
            source="llama.cpp's default; with 8 bits replies differ",
            has_flag=True,
        ),
        Setting(
            name="threads",
            metavar="N",
            meaning="The threads that compute.",
            otherwise="what `anyclaude tune` has found, else the physical cores",
            source="two hardware threads of one core share its arithmetic units",
            has_flag=True,
        ),
    ),
)

GATEWAY = Group(
    "Gateway",
    (
        Setting(
            name="host",
            metavar="HOST",
            meaning="The address `anyclaude serve` listens on. Any other than loopback requires a token.",
            source="loopback: other machines cannot connect",
            has_flag=True,
        ),
        Setting(
            name="port",
            metavar="PORT",
            meaning="The port `anyclaude serve` listens on; 0 takes a free one, as each launch of Claude Code does.",
            source="the first of the dynamic ports (RFC 6335, section 6)",
            has_flag=True,
        ),
        Setting(
            name="token",
            metavar="TOKEN",
            meaning="The token that clients of `anyclaude serve` must send.",
            otherwise="none is required",
            source="on loopback, only the programs of this machine can connect",
        ),
        Setting(
            name="allowed_hosts",
            metavar="LIST",
            meaning="Other names by which clients may reach a gateway on loopback, such as `host.docker.internal`.",
            allowed="names or addresses without ports, separated by commas; a list in the file",
            otherwise="`localhost` and addresses of loopback",
            source="a web page can give its own name to 127.0.0.1 (DNS rebinding), so each name must be listed",
        ),
        Setting(
            name="allowed_origins",
            metavar="LIST",
            meaning="Web pages that may use the gateway, by their origin (`https://example.org`, `app://obsidian.md`). "
            "`http://localhost:*` allows any port, `vscode-webview://*` any host of that scheme, and `*` all, which "
            "requires a token.",
            allowed="origins, separated by commas; a list in the file",
            otherwise="none",
            source="any web page can reach a loopback port, so each one must be named",
        ),
        Setting(
            name="parallel_requests",
            metavar="N",
            meaning="The requests that a server gets at the same time. For the embedded engine: its slots.",
            otherwise="the slots that the server reports, else those of its kind; embedded: 1",
            source="the modules of `profiles/`; [measured](benchmarks.md#on-a-server-of-your-own) with llama.cpp",
        ),
        Setting(
            name="queue_limit",
            metavar="N",
            meaning="The requests that wait for a server at most; any more get status 429.",
            source="far more than one Claude Code with its sub-agents sends; not measured",
        ),
        Setting(
            name="memory_mib",
            metavar="MIB",
            meaning="How much memory the gateway uses for what it keeps of earlier requests, and for the requests and "
            "replies under way beside the largest one. Beyond it, what is kept is dropped, which costs speed; then "
            "requests are refused.",
            source="eight bodies of the largest size that the Messages API allows "
            "([measured](benchmarks.md#memory): what a gateway takes under attack)",
        ),
    ),
)

TIME_LIMITS = Group(
    "Time limits",
    (
        Setting(
            name="first_byte_seconds",
            metavar="SECONDS",
            meaning="How long a server may take to begin its reply, which includes the prefill.",
            source="a prefill of ten minutes is normal on slow hardware: 18,000 tokens took a 0.5B model on two cores "
            "482 s",
            owner=Timeouts,
        ),
        Setting(
            name="stall_seconds",
            metavar="SECONDS",
            meaning="How long a reply may pause between two tokens.",
            source="a pause of two minutes between two tokens is not normal, even on slow hardware",
            owner=Timeouts,
        ),
        Setting(
            name="finish_seconds",
            metavar="SECONDS",
            meaning="How long a reply may take to end after the server has sent the finish reason, pings or not.",
            source="only the usage figures may still follow",
            owner=Timeouts,
        ),
    ),
)

CACHE = Group(
    "Cache and diagnosis",
    (
        Setting(
            name="prewarm",
            metavar="BOOL",
            meaning="Whether the first prompt of a session is recorded, and evaluated in advance at the next start.",
            source="[prewarm.md](prewarm.md#measurements): the first token after 0.3 s instead of 32.8 s",
            old_names=("warm_up",),
        ),
        Setting(
            name="slot_snapshots_mib",
            metavar="MIB",
            meaning="How much of the disk the snapshots of the embedded engine's slot may take; 0 keeps none.",
            source="one conversation of 20,000 tokens of a model of 8 billion parameters takes some 3 GB "
            "(calculated, [prewarm.md](prewarm.md))",
            old_names=("kept_state_mib",),
        ),
        Setting(
            name="stored_prompts",
            metavar="N",
            meaning="How many prompts are stored whole, for `anyclaude explain`; 0 stores no text of any.",
            source="the main conversations and sub-agents of a few sessions: some 4 MB where each has 360 kB, "
            "compressed to 180",
            old_names=("kept_prompts",),
        ),
    ),
)

CLIENT = Group(
    "Claude Code",
    (
        Setting(
            name="claude_path",
            metavar="FILE",
            meaning="The `claude` program to start.",
            otherwise="the first `claude` on the PATH that is not anyclaude itself, else the one that it has installed",
            source="the user's own installation comes first",
        ),
        Setting(
            name="claude_version",
            metavar="VERSION",
            meaning="The release of Claude Code to install if there is none.",
            allowed="a version of the npm package @anthropic-ai/claude-code from 2.1.113 on, or a tag such as `latest`",
            source="the release that anyclaude is tested with",
        ),
        Setting(
            name="permission_mode",
            metavar="NAME",
            meaning="Claude Code's `--permission-mode`, unless you set one by its flag or in its settings files.",
            otherwise="`default`, which asks before each edit and command; in mode `claude`, Claude Code's own",
            source="a small model in a loop has rewritten a test to make it pass; Claude Code's own default, `auto`, "
            "has Anthropic's servers check each call",
        ),
    ),
)

FOLDERS = Group(
    "Folders",
    (
        Setting(
            name="log_dir",
            metavar="FOLDER",
            meaning="The folder for the journal, logs, stored prompts and first prompts. If it cannot be written, a "
            "temporary one takes its place until the end of the run.",
            source="beside the configuration file, which is always `~/.anyclaude/config.toml`",
        ),
        Setting(
            name="cache_dir",
            metavar="FOLDER",
            meaning="The folder for weights, Claude Code if anyclaude has installed it, and slot snapshots.",
            otherwise="`anyclaude` in the system's folder for caches (`~/.cache`, macOS: `~/Library/Caches`)",
            source="all of it can be fetched or computed again (XDG Base Directory Specification; platformdirs)",
        ),
    ),
)

GROUPS: tuple[Group, ...] = (SERVER, PROMPT, WEB, ENGINE, GATEWAY, TIME_LIMITS, CACHE, CLIENT, FOLDERS)

SETTINGS: tuple[Setting, ...] = tuple(setting for group in GROUPS for setting in group.settings)

FALLBACK: tuple[Setting, ...] = (
    Setting(
        name="mode",
        metavar="NAME",
        meaning="The kind of server.",
        choices=tuple(mode for mode in MODES if mode not in {"embedded", "claude", AUTO}),
        otherwise="the first kind that the server at `url` identifies itself as",
        source="the server's answers (the modules of `profiles/`)",
        owner=Fallback,
    ),
    Setting(
        name="url",
        metavar="URL",
        meaning="The address of the server.",
        allowed="an address such as http://127.0.0.1:8080/v1 or unix:/run/server.sock",
        otherwise="the usual address of its kind",
        source="each server's documentation",
        owner=Fallback,
    ),
    Setting(
        name="model",
        metavar="NAME",
        meaning="The server's model.",
        otherwise="the model that the server has loaded, or its first",
        source="as for the first server",
        owner=Fallback,
    ),
    Setting(
        name="api_key_variable",
        metavar="VARIABLE",
        meaning="The environment variable that holds the server's key.",
        otherwise="the variable of its kind; none for `generic`",
        source="each server's documentation",
        owner=Fallback,
    ),
)
"""The keys of one table `[[fallbacks]]` in the configuration file."""


def setting_named(name: str) -> Setting:
    """Return a setting by its name."""
    return next(setting for setting in SETTINGS if setting.name == name)
