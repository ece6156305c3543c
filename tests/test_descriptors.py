"""How many connections there are descriptors for."""

import errno

import pytest
from tests.parts.descriptors import descriptor_limit, no_descriptor_left

from anyclaude.descriptors import (
    FEWEST_CONNECTIONS,
    OWN_DESCRIPTORS,
    PER_STREAM,
    are_exhausted,
    is_one_left,
    most_client_connections,
)


@pytest.mark.parametrize("limit", [256, 1024])
def test_clients_leave_enough_for_their_streams_and_for_the_gateway_itself(limit: int) -> None:
    with descriptor_limit(limit):
        most = most_client_connections()

    assert most is not None
    assert limit - PER_STREAM < most * PER_STREAM + OWN_DESCRIPTORS <= limit


def test_the_lowest_limits_leave_clients_a_few() -> None:
    with descriptor_limit(70):
        assert most_client_connections() == FEWEST_CONNECTIONS


def test_a_file_that_cannot_be_opened_for_want_of_descriptors_shows_the_want() -> None:
    with no_descriptor_left(), pytest.raises(OSError, match="Too many open files") as failed:
        assert not is_one_left()
        open(__file__).close()

    assert is_one_left()
    assert are_exhausted(failed.value)
    assert not are_exhausted(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
