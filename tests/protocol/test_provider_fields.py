"""What a server wants back is kept as text, and its length is known."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.provider_fields import ProviderFields

fields = st.builds(ProviderFields, st.text(), st.text(), st.text(), st.text(), st.text())


@given(fields)
def test_every_text_counts(received: ProviderFields) -> None:
    assert received.characters == sum(map(len, msgspec.structs.astuple(received)))


@given(fields)
def test_it_survives_as_a_line_of_a_file(received: ProviderFields) -> None:
    assert msgspec.json.decode(msgspec.json.encode(received), type=ProviderFields) == received
