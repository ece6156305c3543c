"""Who is next."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.scheduling.row import MOST_REMEMBERED, Applicant, Priority, Row

MAIN, AGENT, AUXILIARY = (Applicant(name, "s", priority) for name, priority in zip("mab", Priority, strict=True))

applicants = st.builds(
    Applicant, st.sampled_from(["a", "b", "c", "d"]), st.sampled_from(["s", "t"]), st.sampled_from(Priority)
)


def called(row: Row, count: int) -> list[Applicant]:
    names = []
    for _ in range(count):
        place = row.next()
        assert place is not None
        row.serves(place.applicant, place)
        names.append(place.applicant)
    return names


def row_of(waiting: Sequence[Applicant], *, is_forgetful: bool = False, most_passed_over: int = 16) -> Row:
    row = Row(is_forgetful=is_forgetful, most_passed_over=most_passed_over)
    for applicant in waiting:
        row.join(applicant)
    return row


def test_the_user_comes_before_sub_agents_and_these_before_side_calls() -> None:
    assert called(row_of([AUXILIARY, AGENT, MAIN]), 3) == [MAIN, AGENT, AUXILIARY]


def test_sessions_take_turns_however_many_conversations_one_has() -> None:
    crowd = [Applicant(f"agent {number}", "big", Priority.SUBAGENT) for number in range(3)]
    lone = Applicant("agent", "small", Priority.SUBAGENT)

    assert called(row_of([*crowd, lone]), 4) == [crowd[0], lone, crowd[1], crowd[2]]


def test_where_servers_forget_the_conversation_that_was_served_last_goes_on() -> None:
    one, other = Applicant("one", "s"), Applicant("other", "t")

    assert called(row_of([one, other, one]), 3) == [one, other, one]
    assert called(row_of([one, other, one], is_forgetful=True), 3) == [one, one, other]


@given(st.lists(applicants, min_size=1, max_size=12), st.booleans())
def test_nobody_is_called_before_somebody_more_urgent_who_waits(waiting: list[Applicant], is_forgetful: bool) -> None:
    order = called(row_of(waiting, is_forgetful=is_forgetful), len(waiting))

    assert [one.priority for one in order] == sorted(one.priority for one in waiting)


@given(st.lists(applicants, min_size=1, max_size=60), applicants, st.booleans(), st.integers(1, 4), st.integers(0, 5))
def test_nobody_is_passed_over_for_ever(
    coming: list[Applicant], patient: Applicant, is_forgetful: bool, most: int, ahead: int
) -> None:
    row = row_of([patient] * ahead, is_forgetful=is_forgetful, most_passed_over=most)
    place = row.join(patient)
    served_before = 0
    for applicant in coming:
        row.join(applicant)
        following = row.next()
        assert following is not None
        row.serves(following.applicant, following)
        if following is place:
            break
        served_before += 1

    assert served_before <= ahead + most


def test_who_is_served_without_waiting_passes_all_who_wait() -> None:
    row = row_of([AUXILIARY], most_passed_over=1)
    row.serves(MAIN)
    row.join(MAIN)

    assert row.goes_before(MAIN)
    assert called(row, 2) == [AUXILIARY, MAIN]


def test_a_turn_is_kept_from_nobody_more_urgent_and_not_from_its_own_conversation() -> None:
    assert row_of([MAIN]).goes_before(AGENT)
    assert row_of([AGENT]).goes_before(AGENT)
    assert not row_of([AGENT]).goes_before(MAIN)
    assert not Row().goes_before(MAIN)


def test_who_has_left_is_not_called() -> None:
    row = Row()
    gone, stays = row.join(MAIN), row.join(AGENT)
    row.leave(gone)
    row.leave(gone)

    assert row.next() is stays
    assert row.next() is None


def test_only_so_many_sessions_are_remembered() -> None:
    row = Row()
    old = Applicant("old", "old")
    row.serves(old)
    for number in range(MOST_REMEMBERED):
        row.serves(Applicant(f"{number}", f"{number}"))
    row.join(Applicant("0", "0"))
    row.join(old)

    assert called(row, 1) == [old]
