"""JSON schemas as grammars of llama.cpp: whatever such a grammar lets a model write is valid.

It lets a model write less than the schema allows: properties in their order and none that are not named, strings,
arrays and nesting of a bounded size. What no grammar can say (`not`, `uniqueItems` of texts, ...) is left out of it,
and `Grammar.exact` is false: then the arguments have to be checked when they are whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from vivavoce.engines.grammar import gbnf
from vivavoce.engines.grammar.flat import NoValue, Schemas, items, mapping, plain
from vivavoce.engines.grammar.merge import Schema, SchemaError, types
from vivavoce.engines.grammar.patterns import Unsupported, matching
from vivavoce.engines.grammar.rules import Rules

DEPTH = 10
"""How deep values may be nested; where a recursive schema ends."""
ITEMS = 16
"""Items of the longest array or map that is not told its length; one that is told may have four times as many."""
LONGEST = 2000
"""Characters of the longest string."""
KEY = 40
"""Characters of the longest name that a model gives a property."""
_UNCHECKED = {
    *("not", "if", "contains", "dependentRequired", "dependentSchemas", "dependencies", "propertyNames"),
    *("unevaluatedItems", "unevaluatedProperties"),
}
_HINTS = (
    ("object", {"properties", "required", "additionalProperties", "patternProperties", "minProperties"}),
    ("array", {"items", "prefixItems", "minItems", "maxItems", "uniqueItems"}),
    ("string", {"pattern", "format", "minLength", "maxLength"}),
    ("number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
)
"""Which type is meant where none is named."""
_SCALARS = ("string", "number", "boolean", "null")


@dataclass(frozen=True, slots=True)
class Grammar:
    """Rules, the first of which is for the whole value."""

    root: str
    rules: Mapping[str, str]
    exact: bool
    """What it lets through is valid; otherwise `valid` has to be asked."""
    valid: Callable[[object], bool]


def grammar(schema: Schema, prefix: str = "v") -> Grammar:
    """The grammar of the values that it allows. Its rules are named `prefix` and a number. Raises `SchemaError`."""
    try:
        schemas, rules = Schemas(schema), Rules(prefix)
        compiler = _Compiler(schemas, rules)
        root = compiler.rule(schema, 0)
    except RecursionError:
        raise SchemaError("it is nested too deeply") from None
    except NoValue as nothing:
        raise SchemaError(f"no value fits it: {nothing}") from None
    if not compiler.exact and schemas.judges_patterns:
        raise SchemaError("a pattern inside not, oneOf, if, contains and the like is not supported")
    return Grammar(root, rules.by_name, compiler.exact, schemas.valid)


class _Compiler:
    def __init__(self, schemas: Schemas, rules: Rules) -> None:
        self._schemas = schemas
        self._rules = rules
        self._known: dict[tuple[str, int], str | NoValue] = {}
        self.exact = True

    def rule(self, schema: object, depth: int) -> str:
        """The name of the rule of this schema at this depth. Raises `NoValue` and `SchemaError`."""
        key = (json.dumps(schema), depth)
        if (known := self._known.get(key)) is None:
            self._schemas.step()
            try:
                known = self._rules.name(self._expression(schema, depth))
            except NoValue as nothing:
                known = nothing
            self._known[key] = known
        if isinstance(known, NoValue):
            raise known
        return known

    def _expression(self, schema: object, depth: int) -> str:
        if schema is False:
            raise NoValue("false")
        if depth > DEPTH:
            raise NoValue(f"it is nested more than {DEPTH} deep")
        flat = self._schemas.flat(plain(schema))
        for key in ("anyOf", "oneOf"):
            if isinstance(branches := flat.get(key), list):
                return self._any(flat, key, branches, depth)
        if _UNCHECKED & flat.keys():
            self.exact = False
        if "enum" in flat:
            if not (values := self._schemas.fitting(flat)):
                raise NoValue("enum has no value that fits")
            return gbnf.choice(map(gbnf.constant, values))
        return self._typed(flat, depth)

    def _any(self, flat: Schema, key: str, branches: Sequence[object], depth: int) -> str:
        rest = {name: value for name, value in flat.items() if name != key}
        if key == "oneOf" and not self._schemas.apart(branches):
            self.exact = False
        return _first_of(lambda branch: self.rule({**rest, "allOf": [branch]}, depth), branches)

    def _typed(self, flat: Schema, depth: int) -> str:
        named = types(flat)
        if "type" not in flat:
            named = tuple(kind for kind, words in _HINTS if words & flat.keys())[:1]
            if not named:
                return self._anything(depth)
        return _first_of(lambda kind: self._of_type(str(kind), flat, depth), named)

    def _of_type(self, kind: str, flat: Schema, depth: int) -> str:
        match kind:
            case "object":
                return self._object(flat, depth)
            case "array":
                return self._array(flat, depth)
            case "string":
                return self._string(flat)
            case "integer" | "number":
                return self._number(flat, kind == "integer")
            case "boolean":
                return '("true" | "false")'
        return '"null"'

    def _anything(self, depth: int) -> str:
        found = [self._of_type(kind, {}, depth) for kind in _SCALARS]
        if depth <= DEPTH - 2:
            deeper = max(depth, DEPTH - 3)  # any value may hold any value, but not for ever
            found += [self._array({"items": True}, deeper), self._map({}, 0, ITEMS, deeper)]
        return gbnf.choice(found)

    def _string(self, flat: Schema) -> str:
        least = _whole(flat, "minLength", 0)
        told = min(_whole(flat, "maxLength", LONGEST), LONGEST)
        most = told if "maxLength" in flat else max(gbnf.TEXT, least)
        if least > told:
            raise NoValue(f"a string of {least} to {told} characters")
        if isinstance(pattern := flat.get("pattern"), str):
            try:
                return self._rules.name(matching(pattern, least, told))
            except Unsupported:
                raise SchemaError(f"the pattern {pattern!r} is not supported") from None
        known = gbnf.FORMATS.get(str(flat.get("format")))
        if known and "minLength" not in flat and "maxLength" not in flat:
            return self._rules.name(known)
        return self._rules.name(gbnf.text(least, most))

    def _number(self, flat: Schema, whole: bool) -> str:
        low, high = _bounds(flat, whole)
        step = _fraction(flat, "multipleOf")
        if step is None or (whole and step == 1):
            found = gbnf.integer(_ceil(low), _floor(high)) if whole else gbnf.number(low, high)
        else:
            found = gbnf.multiples(step, low, high, whole)
            if found is None:  # too many to write out
                self.exact = False
                found = gbnf.integer(_ceil(low), _floor(high)) if whole else gbnf.number(low, high)
        if not found:
            raise NoValue("no number is within its bounds")
        return found

    def _array(self, flat: Schema, depth: int) -> str:
        first, rest = flat.get("prefixItems"), flat.get("items", True)
        if isinstance(rest, list):  # as older drafts have it
            first, rest = rest, flat.get("additionalItems", True)
        before = items(first)
        least = _whole(flat, "minItems", 0)
        most = min(_whole(flat, "maxItems", max(least, len(before), ITEMS)), 4 * ITEMS)
        if flat.get("uniqueItems") and most > 1:
            values = None if before else self._schemas.fitting(self._schemas.shallow(rest))
            if values is not None:
                return self._set(values, least, most)
            self.exact = False
        found: list[str] = []
        try:
            for schema in [*before[:most], *[rest] * (most - len(before))]:
                found.append(self.rule(schema, depth + 1))  # noqa: PERF401  # what came before a failure counts
        except NoValue:
            most = len(found)
        if least > most:
            raise NoValue(f"an array of {least} to {most} items")
        return f'"[" {self._rules.series(found, least)} "]"'

    def _set(self, values: Sequence[object], least: int, most: int) -> str:
        """Some of the values, in their order: so none comes twice."""
        inner = self._rules.members([(gbnf.constant(value), False) for value in values], least, most)
        if inner is None:
            raise NoValue(f"{least} to {most} of {len(values)} values")
        return f'"[" {inner} "]"'

    def _object(self, flat: Schema, depth: int) -> str:
        named, required = mapping(flat.get("properties")), [str(each) for each in items(flat.get("required"))]
        least = _whole(flat, "minProperties", 0)
        most = _whole(flat, "maxProperties", max(least, len({*named, *required}), ITEMS))
        if not named and not required:
            if not depth and not least and not {"additionalProperties", "patternProperties"} & flat.keys():
                return '"{}"'  # a tool without arguments
            return self._map(flat, least, min(most, 4 * ITEMS), depth)
        if "patternProperties" in flat:
            raise SchemaError("patternProperties beside properties is not supported")
        found: list[tuple[str, bool]] = []
        for name in dict.fromkeys([*named, *required]):
            try:
                value = self.rule(named.get(name, flat.get("additionalProperties", True)), depth + 1)
            except NoValue:
                if name in required:
                    raise
                continue
            key = gbnf.literal(f"{json.dumps(name, ensure_ascii=False)}: ")
            found.append((f"{key} {value}", name in required))
        inner = self._rules.members(found, least, most)
        if inner is None:
            raise NoValue(f"{least} to {most} of its properties")
        return f'"{{" {inner} "}}"'

    def _map(self, flat: Schema, least: int, most: int, depth: int) -> str:
        """An object with keys of the model's own."""
        if least > most:
            raise NoValue(f"an object of {least} to {most} properties")
        if least > 1:
            self.exact = False  # a key that comes twice counts once
        try:
            member = self._rules.name(self._member(flat, depth))
        except NoValue:
            if least:
                raise
            return '"{}"'
        return f'"{{" {self._rules.series([member] * most, least)} "}}"'

    def _member(self, flat: Schema, depth: int) -> str:
        values = flat.get("additionalProperties", True)
        patterns = mapping(flat.get("patternProperties"))
        if len(patterns) > 1:
            raise SchemaError("several patternProperties are not supported")
        names: list[object] = [{"type": "string"}, flat.get("propertyNames", True)]
        for pattern, schema in patterns.items():
            names.append({"pattern": pattern})
            values = schema
        key = self.rule({"maxLength": KEY, "allOf": names}, depth)
        return f'{key} ": " {self.rule(values, depth + 1)}'


def _first_of(compile_one: Callable[[object], str], several: Sequence[object]) -> str:
    """Those of them that a value fits, as a choice. Raises `NoValue` when there is none."""
    found, last = [], NoValue("nothing is left to choose from")
    for each in several:
        try:
            found.append(compile_one(each))
        except NoValue as nothing:
            last = nothing
    if not found:
        raise last
    return gbnf.choice(found)


def _bounds(flat: Schema, whole: bool) -> tuple[Fraction | None, Fraction | None]:
    """The least and the greatest number, both allowed; what is excluded is a step away."""
    low, high = _fraction(flat, "minimum"), _fraction(flat, "maximum")
    above, below = _fraction(flat, "exclusiveMinimum"), _fraction(flat, "exclusiveMaximum")
    step = Fraction(1, 10**gbnf.DECIMALS)
    if above is not None:
        least = Fraction(floor(above) + 1) if whole else above + step
        low = least if low is None else max(low, least)
    if below is not None:
        greatest = Fraction(ceil(below) - 1) if whole else below - step
        high = greatest if high is None else min(high, greatest)
    return low, high


def _whole(flat: Schema, key: str, default: int) -> int:
    value = flat.get(key, default)
    return int(value) if isinstance(value, int | float) else default


def _fraction(flat: Schema, key: str) -> Fraction | None:
    value = flat.get(key)
    return Fraction(str(value)) if isinstance(value, int | float) else None


def _ceil(low: Fraction | None) -> int | None:
    return None if low is None else ceil(low)


def _floor(high: Fraction | None) -> int | None:
    return None if high is None else floor(high)
