"""`GET /v1/models`."""

from pathlib import Path
from urllib.parse import quote

from msgspec.structs import replace
from tests.parts.gateway import RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_client import ask

TARGET = target_at("http://127.0.0.1:1/v1")


async def test_the_list_has_the_apis_shape(gateway: RunningGateway) -> None:
    response = await ask(gateway.base_url, "GET", "/v1/models?limit=1000")

    assert set(response.json) == {"data", "has_more", "first_id", "last_id"}
    assert response.json["has_more"] is False
    assert response.json["first_id"] == response.json["last_id"] == "local-model"
    assert at(response.json, "data", 0, "type") == "model"
    assert at(response.json, "data", 0, "id") == "local-model"
    assert at(response.json, "data", 0, "created_at") == "1970-01-01T00:00:00Z"


async def test_every_model_a_request_can_reach_is_listed_once(tmp_path: Path) -> None:
    first = replace(TARGET, models={"opus": "big", "haiku": "local-model"}, context_tokens=8192)
    second = replace(TARGET, model="elsewhere")
    async with running_gateway(tmp_path, first, second) as gateway:
        response = await ask(gateway.base_url, "GET", "/v1/models")

    models = response.json["data"]
    assert isinstance(models, list)
    assert [model["id"] for model in models] == ["local-model", "big", "elsewhere"]
    assert [model["max_input_tokens"] for model in models] == [8192, None, None]
    assert response.json["last_id"] == "elsewhere"


async def test_what_the_first_server_lists_is_listed_with_the_windows_that_it_reports(tmp_path: Path) -> None:
    target = replace(
        TARGET, available_models=("other", "local-model", "third"), context_tokens=8192, windows={"other": 4096}
    )
    async with running_gateway(tmp_path, target) as gateway:
        listed = await ask(gateway.base_url, "GET", "/v1/v1/models")
        shown = await ask(gateway.base_url, "GET", "/models/OTHER[1m]")

    models = listed.json["data"]
    assert isinstance(models, list)
    assert [(model["id"], model["max_input_tokens"]) for model in models] == [
        ("local-model", 8192),
        ("other", 4096),
        ("third", None),
    ]
    assert (shown.json["id"], shown.json["max_input_tokens"]) == ("other", 4096)


async def test_a_model_is_found_by_its_name_even_with_slashes(tmp_path: Path) -> None:
    name = "org/model:Q4_K_M"
    async with running_gateway(tmp_path, replace(TARGET, model=name)) as gateway:
        plain = await ask(gateway.base_url, "GET", f"/v1/models/{name}")
        quoted = await ask(gateway.base_url, "GET", f"/v1/models/{quote(name, safe='')}")

    assert plain.json == quoted.json
    assert plain.json["id"] == name


async def test_an_unknown_model_is_not_found_and_the_error_names_the_known_ones(gateway: RunningGateway) -> None:
    response = await ask(gateway.base_url, "GET", "/v1/models/claude-opus-5-5")

    assert response.status == 404
    assert response.error[0] == "not_found_error"
    assert "local-model" in response.error[1]


async def test_before_a_server_is_found_its_model_may_not_be_known(tmp_path: Path) -> None:
    awaited = replace(TARGET, model="", awaited_because="it loads")
    async with running_gateway(tmp_path, awaited) as gateway:
        listed = await ask(gateway.base_url, "GET", "/v1/models")
        shown = await ask(gateway.base_url, "GET", "/v1/models/x")

    assert listed.json == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    assert (shown.status, shown.error[1]) == (404, "model: x. The models here are not known yet")
