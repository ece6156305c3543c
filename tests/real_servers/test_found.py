"""What the gateway learns of a real server from its address alone."""

from .played import Played, on_servers


@on_servers("found")
async def test_a_server_is_found_by_its_address_alone(played: Played) -> None:
    assert (await played.backend())["name"] in played.server.kinds


@on_servers("model")
async def test_the_model_that_it_serves_is_chosen(played: Played) -> None:
    assert (await played.backend())["model"] == played.server.model_id(played.running.model_file)


@on_servers("window")
async def test_its_window_is_known(played: Played) -> None:
    assert played.server.context_tokens is not None
    assert (await played.backend())["context_tokens"] == played.server.context_tokens
