"""
Notice a reply in which a server writes chunks of another one.

dasllama 0.6.6 wrote the chunks of an abandoned reply into the next connection: the client would get an answer to a
question that it did not ask.  Such chunks bear the id of the earlier reply.  Servers that give every reply the same id
must not be taken for broken, nor those that give every chunk its own.
"""

from anyclaude.bounded_dict import BoundedDict, bounded_key

REMEMBERED_REPLIES = 16
"""More than run side by side on a local server.  Few, because Ollama draws its ids from 999 numbers: two of its replies
have the same id by chance, and one of 60 is requested again."""


class EarlierReplies:
    """
    The ids of a server's last replies, each that of the reply's first chunk.

    The ids are taken for distinct until two replies in a row bear the id of an earlier one.  The first of the two is
    refused, which costs a request whose prompt the server has just evaluated.  From the second on, nothing is refused.
    """

    def __init__(self) -> None:
        self._ids = BoundedDict[str, None](REMEMBERED_REPLIES)
        self._has_just_refused = False
        self._are_distinct = True

    def refuses(self, reply_id: str) -> bool:
        """Return whether a chunk with this id, which is not its own reply's, belongs to an earlier reply."""
        if not self._are_distinct or bounded_key(reply_id) not in self._ids:
            return False
        self._are_distinct = not self._has_just_refused
        self._has_just_refused = True
        return self._are_distinct

    def add(self, reply_id: str) -> None:
        """Add the id of a reply that has begun."""
        key = bounded_key(reply_id)
        if key not in self._ids:
            self._has_just_refused = False
            self._ids[key] = None

    def forget(self) -> None:
        """Forget all replies: another server has taken the place of theirs, and may count its own from one again."""
        self._ids.clear()
        self._has_just_refused = False
        self._are_distinct = True
