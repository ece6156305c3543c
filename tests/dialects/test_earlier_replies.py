"""A chunk with the id of an earlier reply is refused, as long as the server gives its replies different ids."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.dialects import EarlierReplies
from anyclaude.dialects.earlier_replies import REMEMBERED_REPLIES

ids = st.text(min_size=1, max_size=3)


def answer(earlier: EarlierReplies, reply_id: str) -> bool:
    """Return whether the server's next reply, which has this id, is accepted."""
    if earlier.refuses(reply_id):
        return False
    earlier.add(reply_id)
    return True


@given(st.lists(ids, unique=True, max_size=40))
def test_replies_with_different_ids_are_all_accepted(reply_ids: list[str]) -> None:
    earlier = EarlierReplies()

    assert all(answer(earlier, reply_id) for reply_id in reply_ids)


@given(st.lists(ids, unique=True, min_size=2, max_size=REMEMBERED_REPLIES), st.data())
def test_the_id_of_an_earlier_reply_is_refused_between_replies_with_their_own(
    reply_ids: list[str], data: st.DataObject
) -> None:
    earlier = EarlierReplies()
    for place, reply_id in enumerate(reply_ids):
        assert answer(earlier, reply_id)
        if place < len(reply_ids) - 1:
            assert earlier.refuses(data.draw(st.sampled_from(reply_ids[: place + 1])))


@given(st.lists(st.sampled_from("abc"), max_size=60))
def test_no_two_replies_in_a_row_are_refused(reply_ids: list[str]) -> None:
    earlier = EarlierReplies()
    accepted = [answer(earlier, reply_id) for reply_id in reply_ids]

    assert all(one or other for one, other in itertools.pairwise(accepted))


@given(ids, st.lists(ids, max_size=20))
def test_after_two_replies_in_a_row_with_an_earlier_id_nothing_is_refused(first: str, more: list[str]) -> None:
    earlier = EarlierReplies()

    assert [answer(earlier, first) for _ in range(3)] == [True, False, True]
    assert all(answer(earlier, reply_id) for reply_id in [*more, first, *more])


def test_only_the_last_replies_are_remembered() -> None:
    earlier = EarlierReplies()
    for number in range(REMEMBERED_REPLIES + 1):
        earlier.add(str(number))

    assert not earlier.refuses("0")
    assert earlier.refuses("1")


def test_another_server_may_use_the_same_ids() -> None:
    earlier = EarlierReplies()
    answers = [answer(earlier, "1") for _ in range(3)]
    earlier.forget()

    assert answers == [True, False, True]
    assert [answer(earlier, "1") for _ in range(2)] == [True, False]
