"""Finding the route of a path and a method."""

import pytest

from anyclaude.errors import MethodNotAllowed, NotFound
from anyclaude.server.count_tokens import count_tokens
from anyclaude.server.health import health
from anyclaude.server.messages import create_message
from anyclaude.server.models import list_models, show_model
from anyclaude.server.routes import HEALTH, ROUTES, Route, probe, route_for


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("HEAD", "/", probe),
        ("GET", "/v1/models", list_models),
        ("HEAD", "/v1/models", list_models),
        ("GET", "/v1/models/llama", show_model),
        ("HEAD", "/v1/models/llama", show_model),
        ("GET", "/v1/models/org/model:latest", show_model),
        ("POST", "/v1/messages", create_message),
        ("POST", "/v1/messages/", create_message),
        ("POST", "//v1//messages", create_message),
        ("POST", "/v1/v1/messages", create_message),
        ("POST", "/v1/v1/v1/messages", create_message),
        ("POST", "/messages", create_message),
        ("POST", "/v1/v1/messages/count_tokens", count_tokens),
        ("POST", "/messages/count_tokens", count_tokens),
        ("GET", "/v1/v1/models", list_models),
        ("GET", "/models/", list_models),
        ("GET", "/v1/v1/models/org/model", show_model),
        ("GET", "/health/", health),
        ("HEAD", "//", probe),
    ],
)
def test_a_route_is_found_by_its_path_and_method(method: str, path: str, route: Route) -> None:
    assert route_for(method, path, ROUTES) is route


@pytest.mark.parametrize("path", ["/v1", "/v1/v1", "/v1/modelsX", "/messagesX", "/v2/messages", "/v1/chat/completions"])
def test_other_paths_are_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        route_for("GET", path, ROUTES)


def test_a_wrong_method_is_refused_and_the_error_names_the_right_ones() -> None:
    with pytest.raises(MethodNotAllowed, match="/v1/models/llama answers GET and HEAD, not DELETE"):
        route_for("DELETE", "/v1/models/llama", ROUTES)


def test_mode_claude_has_only_the_health_route() -> None:
    with pytest.raises(NotFound):
        route_for("POST", "/v1/messages", HEALTH)
