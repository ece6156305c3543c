"""Read calls that follow each other in one form."""

from collections.abc import Callable

from .calls import FoundCall, NotACall
from .source import Reading, Source


def read_in_turn(
    source: Source, read_next: Callable[[bool], Reading[FoundCall | None]]
) -> Reading[tuple[FoundCall, ...]]:
    """
    Read calls with `read_next` until it returns none; its argument is whether it reads the first.

    A broken call does not take those before it with it: it is left to be read again, as text.

    Raises:
        NotACall: if the first is none.
    """
    found: list[FoundCall] = []
    while True:
        position = source.position
        try:
            call = yield from read_next(not found)
        except NotACall:
            if not found:
                raise
            source.return_to(position)
            break
        if call is None:
            break
        found.append(call)
    if not found:
        raise NotACall("there is no call")
    return tuple(found)
