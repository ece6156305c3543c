"""llama.cpp's own server, `llama-server`."""

from .base import BackendProfile

LLAMACPP = BackendProfile(
    name="llamacpp",
    title="llama.cpp",
    base_url="http://127.0.0.1:9931/v1",  # its default port since upstream change 26508
    other_urls=("http://127.0.0.1:8080/v1",),  # that of earlier releases
    api_key_variable="LLAMA_API_KEY",
    accepts_named_tool_choice=False,  # an object is read as "auto" (llama.cpp b11549, source and test)
    forces_calls_by="json_schema",  # "required" lets free text come first (b11549, source and test)
    compiles_tool_schemas=True,
    repetition_sampling="dry",
    template_path="/apply-template",
    tokenize_path="/tokenize",
    token_counting="llamacpp_input_tokens",
    continuation="assistant_prefill",
    reports_progress=True,  # tools/server/README.md; older releases ignore the fields
    identity_path="/props",
    identity_marker="default_generation_settings",
    identity_owner="llamacpp",  # its list of models needs no key (b11549, source: public endpoints)
    facts_from="llamacpp_props",
    model_names="any",  # a server with one model does not read the name; a router does (`BackendTarget.is_router`)
    variant_marks=":",  # a router names its models as `organisation/repository:quantisation`
    how_to_start="llama-server -m MODEL.gguf --jinja",
    # Its memory (`--cache-ram`) loses a prompt to any later one that begins alike: by default a tenth in common is
    # enough (`--slot-prompt-similarity`).  A session with two sub-agents, one request at a time on a server with its
    # defaults: 32,050 tokens evaluated in the order of arrival, 15,900 in the order that avoids evictions
    # (`benchmarks.cache --own-server`).
    keeps_evicted_prompts=False,
)
