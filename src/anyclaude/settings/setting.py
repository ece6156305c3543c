"""One row of the table of settings: what it is called everywhere, what it may be, and what it means."""

from collections.abc import Mapping
from functools import cache

from msgspec import NODEFAULT, Struct, inspect
from msgspec.structs import FieldInfo, fields

from anyclaude.secret import Secret

from .values import Settings

PREFIX = "ANYCLAUDE_"


class Setting(Struct, frozen=True, kw_only=True):
    """
    A setting, described; `owner` is the structure with the field `name`, which has its type and its default.

    `meaning` is what the value does, `source` why the default is what it is.  `otherwise` is what happens without a
    value, for defaults that a value cannot express.  `allowed` are the values in words, where the type does not say.
    """

    name: str
    metavar: str
    meaning: str
    source: str
    otherwise: str = ""
    allowed: str = ""
    choices: tuple[str, ...] = ()
    """The allowed values, where they come from another table; those of a `Literal` type need not be repeated."""
    has_flag: bool = False
    old_names: tuple[str, ...] = ()
    """Former names, which are still accepted, with a warning."""
    old_values: tuple[tuple[str, str], ...] = ()
    """Former values, each with its present name, which are still accepted, with a warning."""
    owner: type[Struct] = Settings

    @property
    def kind(self) -> object:
        """The type of its values."""
        return _fields_of(self.owner)[self.name].type

    @property
    def default(self) -> object:
        """Its value if the user sets none."""
        default: object = _fields_of(self.owner)[self.name].default
        return None if default is NODEFAULT else default

    @property
    def is_secret(self) -> bool:
        """Whether the value must not be shown; then only a variable can set it."""
        return any(isinstance(kind, inspect.StructType) and kind.cls is Secret for kind in self._kinds())

    @property
    def flag(self) -> str | None:
        """The flag of the command line that sets it, if there is one."""
        return flag_named(self.name) if self.has_flag else None

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return variable_named(self.name)

    @property
    def allowed_values(self) -> tuple[str, ...]:
        """The words it may be, if these are a list."""
        literals = [kind.values for kind in self._kinds() if isinstance(kind, inspect.LiteralType)]
        return self.choices or tuple(str(value) for values in literals for value in values)

    def present_value(self, value: object) -> object:
        """Return an allowed word in the spelling of the table, a former one under its present name."""
        if not isinstance(value, str):
            return value
        words = {word.casefold(): word for word in self.allowed_values} | dict(self.old_values)
        return words.get(value.strip().casefold(), value)

    def is_former(self, value: object) -> bool:
        """Return whether a value is a former one."""
        return isinstance(value, str) and value.strip().casefold() in dict(self.old_values)

    @property
    def allowed_text(self) -> str:
        """The values it may have, in words."""
        return self.allowed or ", ".join(self.allowed_values) or _worded(self._kinds()[0])

    @property
    def default_text(self) -> str:
        """Its default, in words."""
        if self.otherwise:
            return self.otherwise
        if isinstance(self.default, bool):
            return str(self.default).lower()
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default)

    def _kinds(self) -> tuple[inspect.Type, ...]:
        """Return its types other than `None`."""
        kind = inspect.type_info(self.kind)
        kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
        return tuple(kind for kind in kinds if not isinstance(kind, inspect.NoneType))


def flag_named(name: str) -> str:
    """Return the flag for a name."""
    return "--" + name.replace("_", "-")


def variable_named(name: str) -> str:
    """Return the environment variable for a name."""
    return PREFIX + name.upper()


@cache
def _fields_of(owner: type[Struct]) -> Mapping[str, FieldInfo]:
    return {field.name: field for field in fields(owner)}


def _worded(kind: inspect.Type) -> str:
    """Return what a type allows, in words."""
    match kind:
        case inspect.IntType(ge=lowest, le=None):
            return f"a whole number of at least {lowest}"
        case inspect.IntType(ge=lowest, le=highest):
            return f"a whole number from {lowest} to {highest}"
        case inspect.FloatType(gt=bound):
            return f"a number above {bound:g}"
        case inspect.BoolType():
            return "true or false"
        case inspect.CustomType():
            return "a path"
        case _:
            return "text"
