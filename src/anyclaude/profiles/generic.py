"""Any other server with an OpenAI-compatible Chat Completions route."""

from .base import BackendProfile

GENERIC = BackendProfile(
    name="generic",
    title="an OpenAI-compatible server",
    base_url="http://127.0.0.1:8000/v1",
    api_key_variable="ANYCLAUDE_API_KEY",
    accepts_top_k=False,
    parallel_requests=4,
)
