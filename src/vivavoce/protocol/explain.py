"""Says what is wrong with a decoded JSON (or TOML) value, in the wire's own codes and words.

msgspec reports a failed decoding as a sentence for programmers; clients need a code, a param and the
service's sentences (PROTOCOL.md 2.3). So a refused value is walked a second time beside its type; only the
failure path pays for that. Codes and sentences not quoted in PROTOCOL.md follow the service's REST errors.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from msgspec import ValidationError, convert, inspect

_NOUNS: tuple[tuple[type[inspect.Type], str], ...] = (
    (inspect.StrType, "a string"),
    (inspect.BytesType, "a string"),  # base64
    (inspect.BoolType, "a boolean"),
    (inspect.IntType, "an integer"),
    (inspect.FloatType, "a decimal"),
    (inspect.NoneType, "null"),
    (inspect.ListType, "an array"),
    (inspect.VarTupleType, "an array"),
    (inspect.DictType, "an object"),
    (inspect.StructType, "an object"),
)
_Sized = inspect.StrType | inspect.ListType | inspect.VarTupleType | inspect.DictType
_LARGEST = sys.float_info.max
_SHOWN_CHARS = 200
"""How much of a wrong value a message repeats: a client's mistake may be megabytes long."""


@dataclass(frozen=True, slots=True)
class Violation:
    """The first thing wrong with a value, ready for an `error` event."""

    code: str
    param: str | None
    """Where it is (`session.tools[0].name`); None when the whole value is of the wrong type."""
    message: str
    allowed: tuple[str, ...] = ()
    """The known keys beside an unknown one, the literals in place of a wrong one: to suggest a near miss."""


def explain(type_: object, value: object, path: str = "") -> Violation | None:
    """The first violation of `type_` by `value`, in document order; None when msgspec would accept it.

    `value` holds plain JSON or TOML only: dict, list, str, int, float, bool, None (anything else, such as a
    TOML date, is reported as the wrong type). `path` is where `value` sits. A tagged object's tag comes
    before its other keys, since it decides which keys there are; missing keys come after the present ones.

    Raises TypeError for a type that the walker does not know: a mistake in the type, not in the value.
    Constraints of `Meta` that it knows: ge, gt, le, lt, pattern, min_length, max_length (of bytes: none).
    """
    return _check(_info(type_), value, path)


@lru_cache(maxsize=256)
def _info(type_: object) -> inspect.Type:
    return inspect.type_info(type_)


def _check(info: inspect.Type, value: object, path: str) -> Violation | None:
    members = _members(info)
    if any(map(_takes_anything, members)):
        return None
    kind = _kind(value)
    fitting = [member for member in members if kind in _kinds(member)]
    if not fitting:
        return _wrong_type(members, kind, path)
    # `int | float` takes a whole number as the former, so that one's limits are the ones that count.
    chosen = next((member for member in fitting if isinstance(member, inspect.IntType)), fitting[0])
    match value:
        case dict():
            return _object(fitting, value, path)
        case list():
            return _array(chosen, value, path)
        case str() | int() if isinstance(chosen, inspect.LiteralType):
            return _literal(members, value, path)
        case str():
            return _string(chosen, value, path)
        case int() | float() if not isinstance(value, bool):
            return _number(chosen, value, path)
    return None


def _members(info: inspect.Type) -> list[inspect.Type]:
    """The alternatives of a union, or the one type itself; descriptions and schema extras are taken off."""
    if isinstance(info, inspect.UnionType):
        return [inner for member in info.types for inner in _members(member)]
    return _members(info.type) if isinstance(info, inspect.Metadata) else [info]


def _takes_anything(info: inspect.Type) -> bool:
    if isinstance(info, inspect.CustomType):
        return info.cls is object
    return isinstance(info, inspect.AnyType | inspect.RawType)


# --- kinds and their names ---


def _kind(value: object) -> str:
    """The JSON kind of a value, with its article."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
        case dict():
            return "an object"
    return f"a {type(value).__name__}"


def _kinds(info: inspect.Type) -> set[str]:
    """The kinds of value that a type takes."""
    if isinstance(info, inspect.LiteralType):
        return {_kind(value) for value in info.values}
    noun = _noun(info)
    return {noun, "an integer"} if noun == "a decimal" else {noun}


def _noun(info: inspect.Type) -> str:
    if isinstance(info, inspect.StructType) and info.array_like:
        raise TypeError(f"cannot explain the array-like {info.cls.__name__}")
    for known, noun in _NOUNS:
        if isinstance(info, known):
            return noun
    raise TypeError(f"cannot explain {info!r}")


def _names(members: Iterable[inspect.Type]) -> list[str]:
    """Literal values in quotes, then the nouns of the other alternatives, null at the end."""
    names: dict[str, None] = {}  # an ordered set
    for member in members:
        values = member.values if isinstance(member, inspect.LiteralType) else None
        for name in [_noun(member)] if values is None else [_quoted(value) for value in values]:
            names[name] = None
    return sorted(names, key=lambda name: (name == "null", not name.startswith("'")))


def _quoted(value: object) -> str:
    return "null" if value is None else f"'{value}'"


def _series(names: Sequence[str], conjunction: str) -> str:
    """`a`, `a or b`, `a, b, or c`: the service writes the last comma."""
    if len(names) < 3:
        return f" {conjunction} ".join(names)
    return f"{', '.join(names[:-1])}, {conjunction} {names[-1]}"


# --- one check for each kind ---


def _object(fitting: Sequence[inspect.Type], value: dict[str, object], path: str) -> Violation | None:
    structs = [member for member in fitting if isinstance(member, inspect.StructType)]
    if not structs:
        return _mapping(fitting[0], value, path)
    struct = structs[0]
    if struct.tag_field is None:
        return _fields(struct, value, path)
    where = _join(path, struct.tag_field)
    if struct.tag_field not in value:
        # A lone tagged struct may be given without its tag; in a union the tag is what chooses.
        return _missing(where) if len(structs) > 1 else _fields(struct, value, path)
    tags = inspect.LiteralType(tuple(each.tag for each in structs))
    tag = value[struct.tag_field]
    return _check(tags, tag, where) or _fields(next(each for each in structs if each.tag == tag), value, path)


def _fields(struct: inspect.StructType, value: dict[str, object], path: str) -> Violation | None:
    fields = {field.encode_name: field for field in struct.fields}
    for key, inner in value.items():
        where = _join(path, key)
        if key in fields:
            if found := _check(fields[key].type, inner, where):
                return found
        elif struct.forbid_unknown_fields and key != struct.tag_field:
            return Violation("unknown_parameter", where, f"Unknown parameter: '{where}'.", tuple(fields))
    absent = (name for name, field in fields.items() if field.required and name not in value)
    return next((_missing(_join(path, name)) for name in absent), None)


def _mapping(info: inspect.Type, value: dict[str, object], path: str) -> Violation | None:
    assert isinstance(info, inspect.DictType)
    if found := _length(info, len(value), path):
        return found
    for key, inner in value.items():
        where = _join(path, key)
        if found := _check(info.key_type, key, where) or _check(info.value_type, inner, where):
            return found
    return None


def _array(info: inspect.Type, value: list[object], path: str) -> Violation | None:
    assert isinstance(info, inspect.ListType | inspect.VarTupleType)
    if found := _length(info, len(value), path):
        return found
    checks = (_check(info.item_type, inner, f"{path}[{i}]") for i, inner in enumerate(value))
    return next((found for found in checks if found), None)


def _literal(members: Sequence[inspect.Type], value: str | int, path: str) -> Violation | None:
    if any(value in member.values for member in members if isinstance(member, inspect.LiteralType)):
        return None
    supported = _series(_names(members), "and")
    given = value[:_SHOWN_CHARS] if isinstance(value, str) else _shown(value)
    message = f"Invalid value: '{given}'. Supported values are: {supported}."
    return Violation("invalid_value", path or None, message, _texts(members))


def _texts(members: Iterable[inspect.Type]) -> tuple[str, ...]:
    literals = (member.values for member in members if isinstance(member, inspect.LiteralType))
    return tuple(value for values in literals for value in values if isinstance(value, str))


def _string(info: inspect.Type, value: str, path: str) -> Violation | None:
    if isinstance(info, inspect.BytesType):
        return _base64(value, path)
    assert isinstance(info, inspect.StrType)
    if found := _length(info, len(value), path):
        return found
    if info.pattern is None or re.search(info.pattern, value):
        return None
    expected = f"Expected a string that matches the pattern '{info.pattern}'."
    return _invalid("invalid_value", path, "string does not match pattern", expected)


def _base64(value: str, path: str) -> Violation | None:
    try:
        convert(value, bytes)  # msgspec's own opinion is the one that counts
    except ValidationError:
        return _invalid("invalid_value", path, "string is not base64", "Expected a base64-encoded string.")
    return None


def _number(info: inspect.Type, value: float, path: str) -> Violation | None:
    assert isinstance(info, inspect.IntType | inspect.FloatType)
    noun = "integer" if isinstance(info, inspect.IntType) else "decimal"
    # A decimal has the limits of its type too: JSON may hold an integer that no double can.
    widest = _LARGEST if noun == "decimal" and isinstance(value, int) else None
    low = ((">=", info.ge), (">", info.gt), (">=", None if widest is None else -widest))
    high = (("<=", info.le), ("<", info.lt), ("<=", widest))
    for limits, code, words in ((low, "below_min", "below minimum"), (high, "above_max", "above maximum")):
        for sign, limit in limits:
            if limit is not None and not _holds(value, sign, limit):
                expected = f"Expected a value {sign} {limit:.12g}, but got {_shown(value)} instead."
                return _invalid(f"{noun}_{code}_value", path, f"{noun} {words} value", expected)
    return None


def _holds(value: float, sign: str, limit: float) -> bool:
    # Written so that NaN (which TOML can hold) is inside no limit.
    match sign:
        case ">=":
            return value >= limit
        case ">":
            return value > limit
        case "<=":
            return value <= limit
    return value < limit


def _shown(value: float) -> str:
    # Python itself refuses to print the very largest.
    return str(value) if abs(value) < 10**20 else "a larger number"


def _length(info: _Sized, size: int, path: str) -> Violation | None:
    if info.max_length is not None and size > info.max_length:
        return _wrong_length(_noun(info), "above_max", size, info.max_length, path)
    if info.min_length is not None and size < info.min_length:
        return _wrong_length(_noun(info), "below_min", size, info.min_length, path)
    return None


def _wrong_length(noun: str, how: str, size: int, limit: int, path: str) -> Violation:
    above, name = how == "above_max", noun.split()[1]
    if name == "object":
        what, unit = f"too {'many' if above else 'few'} properties", "properties"
        bound, got = f"{'at most' if above else 'at least'} {limit} {unit}", f"{size} {unit}"
    else:
        what, unit = f"{name} too {'long' if above else 'short'}", "length"
        bound, got = f"{'maximum' if above else 'minimum'} {unit} {limit}", f"{unit} {size}"
    expected = f"Expected {noun} with {bound}, but got {noun} with {got} instead."
    return _invalid(f"{name}_{how}_{unit}", path, what, expected)


# --- the answers ---


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _violation(code: str, path: str, message: str) -> Violation:
    return Violation(code, path or None, message)


def _invalid(code: str, path: str, what: str, expected: str) -> Violation:
    place = f" '{path}':" if path else ""
    return _violation(code, path, f"Invalid{place} {what}. {expected}")


def _missing(where: str) -> Violation:
    return Violation("missing_required_parameter", where, f"Missing required parameter: '{where}'.")


def _wrong_type(members: Sequence[inspect.Type], kind: str, path: str) -> Violation:
    names = _names(members)
    one_of = "one of " if len(names) > 1 and names[0].startswith("'") else ""
    place = f" for '{path}'" if path else ""
    expected = one_of + _series(names, "or")
    message = f"Invalid type{place}: expected {expected}, but got {kind} instead."
    return _violation("invalid_type", path, message)
