"""Which launches begin alike: the key of a launch, and in what two of them differ."""

import msgspec
from msgspec import UNSET, Struct, UnsetType


class LaunchTraits(Struct, frozen=True):
    """What shapes the prompt of a launch, apart from its project; `client` and `flags` are digests."""

    client: str
    diet: str
    flags: str
    """The flags that shape the prompt, without `-p`; also the project if one of them names something in it."""
    is_print: bool
    """Whether the client answers once (`-p`); its prompt then differs from that of an interactive session."""
    model: str


class LaunchKey(Struct, frozen=True):
    """The launches that share a prompt: the project's folder, and a fingerprint of how the client was started."""

    folder: str
    fingerprint: str = msgspec.field(default="", name="manner")
    traits: LaunchTraits | UnsetType = UNSET
    """What the fingerprint was made of; unset under `serve`, and in files of earlier versions."""


class Difference(Struct, frozen=True, order=True):
    """In what two launches differ.  The less of their prompts is the same, the greater it is."""

    is_other_diet: bool = False
    is_other_kind: bool = False
    """Whether one of them is a `-p` launch, and the other interactive."""
    is_other_project: bool = False
    is_other_model: bool = False

    @property
    def is_beginning_shared(self) -> bool:
        """Whether only the beginning of their prompts can be the same."""
        return self.is_other_diet or self.is_other_kind or self.is_other_project


def difference_between(one: LaunchKey, other: LaunchKey) -> Difference | None:
    """
    Return in what two launches differ, `None` if nothing is known to be the same in their prompts.

    An empty folder is an unknown one: both launches are then taken to be in one project.
    """
    is_other_project = bool(one.folder and other.folder) and one.folder != other.folder
    if one.fingerprint == other.fingerprint and UNSET in (one.traits, other.traits):
        return Difference(is_other_project=is_other_project)
    first, second = one.traits, other.traits
    if isinstance(first, UnsetType) or isinstance(second, UnsetType):
        return None
    if (first.client, first.flags) != (second.client, second.flags):
        return None
    return Difference(
        is_other_diet=first.diet != second.diet,
        is_other_kind=first.is_print != second.is_print,
        is_other_project=is_other_project,
        is_other_model=first.model != second.model,
    )
