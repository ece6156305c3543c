"""What a server sends with a call for its own use, and wants back unchanged in every later turn."""

from msgspec import Struct


class ProviderFields(Struct, frozen=True, omit_defaults=True):
    """
    Fields that only the server understands, such as the signature of a thought.

    The first three are the text of a JSON object, or empty: the fields of the call, of the function in it, and of the
    message that began with the call; `reasoning` is the whole reasoning of that message.  They go back to the server
    and the model that sent them, their `origin`, and to no other.
    """

    call: str = ""
    function: str = ""
    message: str = ""
    reasoning: str = ""
    origin: str = ""

    @property
    def characters(self) -> int:
        """The length of its texts."""
        texts = (self.call, self.function, self.message, self.reasoning, self.origin)
        return sum(len(text) for text in texts)
