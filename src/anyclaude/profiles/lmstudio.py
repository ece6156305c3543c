"""LM Studio's server."""

from .base import BackendProfile

LMSTUDIO = BackendProfile(
    name="lmstudio",
    title="LM Studio",
    base_url="http://127.0.0.1:1234/v1",
    api_key_variable="LMSTUDIO_API_KEY",
    accepts_named_tool_choice=False,  # an object is refused (LM Studio bug tracker 670)
    forces_calls_by="json_schema",  # "required" is ignored (bug tracker 1904); schemas are enforced (docs)
    identity_path="/api/v0/models",
    identity_marker='"data"',
    parallel_requests=4,  # its default (docs: Parallel Requests, Max Concurrent Predictions)
    facts_from="lmstudio_models",
    model_names="listed",  # all that is downloaded, and loaded when it is asked for (docs: JIT loading)
    variant_marks="@:",  # `model@q4_k_m`, and `model:2` for a second instance
    how_to_list="lms ls",
    how_to_start="lms server start",
)
