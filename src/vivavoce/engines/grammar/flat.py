"""A JSON schema looked at one level at a time: references followed, `allOf` merged, drafts told apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from jsonschema.exceptions import SchemaError as Malformed
from jsonschema.protocols import Validator
from jsonschema.validators import Draft7Validator, Draft202012Validator, validator_for

from vivavoce.engines.grammar.merge import Schema, SchemaError, merged, types

STEPS = 3000
"""Schemas looked at for one grammar, those inside counted each time."""
LONGEST_SCHEMA = 50_000
"""Characters of JSON."""
_NAMED = ("properties", "$defs", "definitions", "dependentSchemas")
_JUDGED = {
    *("not", "oneOf", "if", "contains", "propertyNames", "dependentSchemas", "dependencies"),
    *("unevaluatedItems", "unevaluatedProperties"),
}
"""Where a schema that does not fit makes a value right, or another one wrong."""
_VALUES = ("enum", "const", "default", "examples")


class NoValue(Exception):
    """No value fits, or none that is nested less deeply than we go."""


class Schemas:
    """One schema with all that it refers to. Raises `SchemaError` when it is none, or is too large."""

    def __init__(self, root: Schema) -> None:
        if len(json.dumps(root)) > LONGEST_SCHEMA:
            raise SchemaError("it is too large")
        self._root = root
        self._steps = 0
        self._validator = _validator(root)

    def valid(self, value: object) -> bool:
        """Whether the value fits, patterns left aside."""
        return bool(self._validator.is_valid(value))

    @property
    def judges_patterns(self) -> bool:
        """`valid` cannot be trusted: whether a pattern matches would decide it, and not only for the worse."""
        return _has_pattern(self._root) and any(map(_has_pattern, _judged(self._root)))

    def step(self) -> None:
        """One more schema is looked at. Raises `SchemaError`: a small schema can mean a very large one."""
        self._steps += 1
        if self._steps > STEPS:
            raise SchemaError("it is too large")

    def flat(self, schema: Schema) -> Schema:
        """Without `$ref`, `allOf` and `const` at its top."""
        found = dict(schema)
        while "$ref" in found or "allOf" in found or "const" in found:
            self.step()
            if "const" in found:
                others: list[object] = [{"enum": [found.pop("const")]}]
            elif "$ref" in found:
                others = [self._target(found.pop("$ref"))]
            else:
                several = found.pop("allOf")
                others = [*several] if isinstance(several, list) else []
            for other in others:
                if other is False:
                    raise NoValue("false")
                found = dict(merged(plain(found), plain(other)))
        return found

    def _target(self, ref: object) -> object:
        """Where a `$ref` points to: RFC 6901, within this schema."""
        if not isinstance(ref, str) or not re.fullmatch(r"#(/.*)?", ref):
            raise SchemaError(f"$ref {ref!r} does not point into it")
        found: object = self._root
        for step in ref[2:].split("/") if len(ref) > 1 else []:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                raise SchemaError(f"$ref {ref!r} points to nothing")
        return found

    def shallow(self, schema: object) -> Schema:
        """The same; what no value fits has an empty `enum`."""
        try:
            return self.flat(plain(schema))
        except NoValue:
            return {"enum": []}

    def fitting(self, flat: Schema) -> list[object] | None:
        """The values that it lists and that fit, each once; None: it lists none."""
        if not isinstance(values := flat.get("enum"), list):
            return [False, True] if types(flat) == ("boolean",) else None
        if "pattern" in flat:
            raise SchemaError("a pattern beside enum")
        check = self._validator.evolve(schema=_without_patterns(flat))
        return [*{json.dumps(value, sort_keys=True): value for value in values if check.is_valid(value)}.values()]

    def apart(self, branches: Sequence[object]) -> bool:
        """No value fits two of them: their types differ, or a property that both require has other values."""
        flat = [self.shallow(each) for each in branches]
        return all(_differ(a, b) or self._told_apart(a, b) for i, a in enumerate(flat) for b in flat[:i])

    def _told_apart(self, a: Schema, b: Schema) -> bool:
        if not types(a) == types(b) == ("object",):
            return False
        for name in items(a.get("required")):
            if name in items(b.get("required")):
                one, other = (self.shallow(mapping(each.get("properties")).get(str(name), True)) for each in (a, b))
                if _differ(one, other):
                    return True
        return False


def _validator(schema: Schema) -> Validator:
    # Without `$schema`, what only an older draft knows (`items` as a list) is read as that draft has it.
    kinds = (validator_for(schema),) if "$schema" in schema else (Draft202012Validator, Draft7Validator)
    try:
        for kind in kinds:
            try:
                kind.check_schema(schema)
            except Malformed:
                continue
            return kind(_without_patterns(schema))
        kinds[0].check_schema(schema)
    except Malformed as error:
        raise SchemaError(f"{error.json_path}: {error.message}"[:300]) from None
    raise SchemaError("it is not a schema")


def _judged(schema: object) -> Iterator[object]:
    """The schemas under such words, and what their references may mean."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key in _JUDGED:
                yield value
            yield from _judged(value)
    elif isinstance(schema, list):
        for each in schema:
            yield from _judged(each)


def _has_pattern(schema: object) -> bool:
    """A property may have these names too, but then a schema follows; a reference may lead to one."""
    return bool(re.search(r'"(pattern|\$ref)": "|"patternProperties": ', json.dumps(schema)))


def _without_patterns(schema: Schema, named: bool = False) -> dict[str, object]:
    """The schema without regular expressions of a stranger: one may take Python's engine for ever.

    `named`: its keys are names. The grammar itself sees to the patterns.
    """
    found = {}
    for key, value in schema.items():
        if not named and (key in ("pattern", "patternProperties") or key in _VALUES):
            if key in _VALUES:
                found[key] = value
        elif isinstance(value, Mapping):
            found[key] = _without_patterns(value, not named and key in _NAMED)
        elif isinstance(value, list):
            found[key] = [_without_patterns(each) if isinstance(each, Mapping) else each for each in value]
        else:
            found[key] = value
    if not named and "patternProperties" in schema:
        found.pop("additionalProperties", None)
    return found


def plain(schema: object) -> Schema:
    return schema if isinstance(schema, Mapping) else {}


def mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


def _differ(a: Schema, b: Schema) -> bool:
    """No value fits both, as their types or their values show."""
    one, other = _kinds(a), _kinds(b)
    if one and other and not one & other:
        return True
    values, others = a.get("enum"), b.get("enum")
    return isinstance(values, list) and isinstance(others, list) and not any(each in others for each in values)


def _kinds(schema: Schema) -> set[str]:
    return {"number" if kind == "integer" else kind for kind in types(schema)}
