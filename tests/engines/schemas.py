"""Random JSON schemas as people write them for tools, and some that only machines write."""

from __future__ import annotations

from hypothesis import strategies as st

Schema = dict[str, object]
NAMES = ("city", "day", "unit", "count", "a b", 'quote"d', "straße", "back\\slash", "$ref", "pattern")
_NAME = st.sampled_from(NAMES)
_VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 99), st.floats(-9, 9, width=16), st.text(max_size=6),
    st.lists(st.integers(0, 3), max_size=2), st.fixed_dictionaries({"a": st.integers(0, 3)}),
)  # fmt: skip
PATTERNS = (
    r"^[A-Z]{2,3}-\d+$", r"^[a-z]+(-[a-z]+)*$", r"^\+?[0-9 ]{5,15}$", r"^(yes|no|may\"be)$", r"^\w{3}\.[^\s@]+$",
    r"x.?y",
)  # fmt: skip
FORMATS = ("date", "time", "date-time", "email", "uri", "uuid", "ipv4", "hostname", "something")


def _kept(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[Schema]:
    """Any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def _ordered(low: str, high: str, values: st.SearchStrategy[float]) -> st.SearchStrategy[Schema]:
    """Any of two bounds, the lower one first."""
    both = st.tuples(values, values).map(sorted).map(lambda pair: {low: pair[0], high: pair[1]})
    return st.one_of(st.just({}), both, values.map(lambda v: {low: v}), values.map(lambda v: {high: v}))


def _joined(*parts: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.tuples(*parts).map(lambda each: {key: value for part in each for key, value in part.items()})


_STRINGS = st.one_of(
    _joined(st.just({"type": "string"}), _ordered("minLength", "maxLength", st.integers(0, 30))),
    st.sampled_from(PATTERNS).map(lambda p: {"type": "string", "pattern": p}),
    st.sampled_from(FORMATS).map(lambda f: {"type": "string", "format": f}),
)
_NUMBERS = st.one_of(
    _joined(st.just({"type": "integer"}), _ordered("minimum", "maximum", st.integers(-2000, 2000))),
    _joined(st.just({"type": "number"}), _ordered("minimum", "maximum", st.floats(-50, 50, width=16))),
    _joined(
        st.just({"type": "number", "exclusiveMinimum": 0}), _ordered("exclusiveMaximum", "maximum", st.integers(1, 9))
    ),
    st.sampled_from((2, 5, 7)).map(lambda n: {"type": "integer", "minimum": 0, "maximum": 300, "multipleOf": n}),
    st.just({"type": "number", "minimum": -2, "maximum": 2, "multipleOf": 0.25}),
)
_LISTED = st.lists(_VALUE, min_size=1, max_size=4).map(lambda values: {"enum": values})
_SMALL = st.one_of(
    _STRINGS, _NUMBERS, _LISTED, _VALUE.map(lambda value: {"const": value}), st.just({"type": ["string", "null"]}),
    st.just({"type": "boolean"}), st.just({"type": "null"}), st.just({}), st.just(True),
)  # fmt: skip


@st.composite
def _objects(draw: st.DrawFn, inner: st.SearchStrategy[object]) -> Schema:
    properties = draw(st.dictionaries(_NAME, inner, max_size=4))
    schema: Schema = {"type": "object", "properties": properties}
    if properties:
        schema["required"] = draw(st.lists(st.sampled_from(sorted(properties)), unique=True))
    if draw(st.booleans()):
        schema["additionalProperties"] = draw(st.one_of(st.just(False), inner))
    if draw(st.integers(0, 4)) == 0:
        schema["maxProperties"] = max(len(properties) - 1, len(draw(st.just(schema.get("required", [])))))  # type: ignore[arg-type]
    return schema


def _arrays(inner: st.SearchStrategy[object]) -> st.SearchStrategy[Schema]:
    return _joined(
        st.just({"type": "array"}),
        _kept(items=inner, prefixItems=st.lists(inner, min_size=1, max_size=2)),
        _ordered("minItems", "maxItems", st.integers(0, 4)),
        _kept(uniqueItems=st.booleans()),
    )


def _larger(inner: st.SearchStrategy[object]) -> st.SearchStrategy[Schema]:
    branches = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        _objects(inner),
        _arrays(inner),
        branches.map(lambda each: {"anyOf": each}),
        branches.map(lambda each: {"oneOf": each}),
        st.tuples(_objects(inner), _objects(inner)).map(lambda each: {"allOf": [*each]}),
        st.sampled_from(("node", "leaf")).map(lambda name: {"$ref": f"#/$defs/{name}"}),
        st.tuples(inner, inner).map(lambda each: {"not": each[0], "anyOf": [each[1]]}),
        inner.map(lambda each: {"type": "object", "additionalProperties": each}),
    )


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """The parameters of a tool. `$defs` hold a tree that refers to itself."""
    inner = st.recursive(_SMALL, _larger, max_leaves=6)
    schema = draw(_objects(inner))
    if "$defs" in repr(schema):
        child = {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2}
        node = {"type": "object", "properties": {"value": draw(_SMALL), "children": child}, "required": ["value"]}
        schema["$defs"] = {"node": node, "leaf": draw(_SMALL)}
    return schema
