"""What the tables of the settings have in common."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Variable = Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]

SECRETS = frozenset({"keys", "api_key", "env", "headers", "turn_password", "password", "secret", "authorization"})
"""The settings that are never shown."""


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file."""

    def __repr__(self) -> str:
        """As usual, but a secret never reaches a log or a traceback."""
        names = self.__struct_fields__
        shown = (f"{name}={'***' if name in SECRETS else repr(getattr(self, name))}" for name in names)
        return f"{type(self).__name__}({', '.join(shown)})"
