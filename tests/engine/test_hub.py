"""Choosing and downloading the file of a model, from a hub on loopback."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.parts.null_progress import NullProgress

from anyclaude.engine.hub import Hub, HubModel, choose_files, fetch_from_hub
from anyclaude.engine.weights import locate_model
from anyclaude.errors import DownloadFailed, InvalidSetting

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAMES = ("README.md", "m-Q2_K.gguf", "m-Q4_0.gguf", "m-Q4_K_M.gguf", "mmproj-m-Q4_K_M.gguf")


@dataclass
class LoopbackHub:
    """The part of the hub's API that downloading a file uses, for one repository."""

    files: dict[str, bytes]
    requests: list[str] = field(default_factory=list)

    async def describe(self, request: web.Request) -> web.Response:
        """List the files of the repository."""
        self.requests.append(request.path)
        if request.match_info["repository"] != "repo":
            return web.json_response(
                {"error": "Repository not found"}, status=404, headers={"X-Error-Code": "RepoNotFound"}
            )
        siblings = [{"rfilename": name} for name in self.files]
        return web.json_response({"id": "org/repo", "sha": COMMIT, "siblings": siblings})

    async def resolve(self, request: web.Request) -> web.Response:
        """Return a file, or for HEAD its headers."""
        self.requests.append(request.path)
        content = self.files[request.match_info["name"]]
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
        return web.Response(body=content, headers=headers)


@pytest.fixture
async def served() -> AsyncIterator[tuple[LoopbackHub, str]]:
    hub = LoopbackHub({name: name.encode() * 100 for name in NAMES})
    app = web.Application()
    app.router.add_get("/api/models/org/{repository}", hub.describe)
    app.router.add_get("/org/repo/resolve/{revision}/{name}", hub.resolve)
    async with TestServer(app) as server:
        yield hub, str(server.make_url("/")).rstrip("/")


async def test_a_file_is_downloaded_to_the_hubs_cache(served: tuple[LoopbackHub, str], tmp_path: Path) -> None:
    hub = Hub(endpoint=served[1], cache=tmp_path)

    path = await locate_model("org/repo:Q4_0", tmp_path, NullProgress(), hub=hub)

    assert path.name == "m-Q4_0.gguf"
    assert path.read_bytes() == b"m-Q4_0.gguf" * 100
    assert path.is_relative_to(tmp_path / "models--org--repo")


async def test_a_file_in_the_hubs_cache_is_used_without_the_network(
    served: tuple[LoopbackHub, str], tmp_path: Path
) -> None:
    hub = Hub(endpoint=served[1], cache=tmp_path)
    first = await fetch_from_hub(HubModel("org/repo"), hub, NullProgress())
    served[0].requests.clear()

    assert await fetch_from_hub(HubModel("org/repo"), hub, NullProgress()) == first
    assert served[0].requests == []


async def test_an_error_about_a_missing_file_lists_the_available_ones(
    served: tuple[LoopbackHub, str], tmp_path: Path
) -> None:
    with pytest.raises(InvalidSetting, match=r"matches Q8_0; it has m-Q2_K\.gguf, "):
        await fetch_from_hub(HubModel("org/repo", "Q8_0"), Hub(served[1], tmp_path), NullProgress())


async def test_an_unknown_repository_is_reported(served: tuple[LoopbackHub, str], tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="org/nothing"):
        await fetch_from_hub(HubModel("org/nothing"), Hub(served[1], tmp_path), NullProgress())


async def test_a_hub_that_cannot_be_reached_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match="could not be downloaded from Hugging Face"):
        await fetch_from_hub(HubModel("org/repo"), Hub("http://127.0.0.1:9", tmp_path), NullProgress())


async def test_an_invalid_repository_name_is_an_invalid_setting(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="is not the name of a Hugging Face repository"):
        await fetch_from_hub(HubModel("org/--repo"), Hub("http://127.0.0.1:9", tmp_path), NullProgress())


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (None, ("m-Q4_K_M.gguf",)),
        ("q4_0", ("m-Q4_0.gguf",)),
        ("m-Q2_K.gguf", ("m-Q2_K.gguf",)),
        ("Q4_K", ()),
        ("other.gguf", ()),
    ],
)
def test_the_usual_quantization_is_chosen_unless_another_is_selected(
    selection: str | None, chosen: tuple[str, ...]
) -> None:
    assert choose_files(NAMES, selection) == chosen


def test_a_split_model_is_chosen_with_all_its_parts_or_not_at_all() -> None:
    parts = tuple(f"m-Q4_K_M-0000{number}-of-00003.gguf" for number in (1, 2, 3))

    assert choose_files(reversed(parts), None) == parts
    assert choose_files(parts[:2], None) == ()


def test_the_only_model_of_a_repository_is_chosen() -> None:
    assert choose_files(["model.gguf", "README.md"], None) == ("model.gguf",)
