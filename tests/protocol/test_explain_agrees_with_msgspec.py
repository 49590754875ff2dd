"""A value is explained exactly when msgspec refuses it."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.protocol.shapes import Session

from vivavoce.protocol.explain import explain

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.integers(0, 5000)
    | st.sampled_from([10**400, -(10**400), 24_000])
    | st.text(max_size=10)
    | st.sampled_from(["realtime", "auto", "inf", "low", "audio/pcm", "audio/pcmu", "AAAA", "look"])
)
KEYS = ["type", "rate", "name", "parameters", "retention_ratio", "bogus", *Session.__struct_fields__]
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
sessions = st.dictionaries(st.sampled_from(KEYS), json_values, max_size=3).map(lambda d: {"type": "realtime", **d})
valid_field = {
    "format": st.sampled_from([None, {"type": "audio/pcmu"}, {"type": "audio/pcm", "rate": 24_000}]),
    "tools": st.lists(st.fixed_dictionaries({"name": st.text("abc", max_size=9)}), max_size=3),
    "metadata": st.dictionaries(st.text("abc", max_size=5), st.text(max_size=3), max_size=3),
    "truncation": st.fixed_dictionaries({"retention_ratio": st.floats() | st.integers(0, 1)}),
    "speed": st.floats(0, 2),
    "tokens": st.integers(-1, 4097),
    "audio": st.text("AQgw=-_", max_size=8),
}
near_sessions = st.fixed_dictionaries({"type": st.just("realtime")}, optional=valid_field)


@given(json_values | sessions | near_sessions)
def test_a_value_is_refused_exactly_when_msgspec_refuses_it(value: object) -> None:
    found = explain(Session, value)
    assert (found is None) == accepts(value)
    assert found is None or found.message.endswith(".")


def accepts(value: object) -> bool:
    try:
        msgspec.convert(value, Session, strict=True)
    except msgspec.ValidationError:
        return False
    return True
