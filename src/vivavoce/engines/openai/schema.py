"""Whether the arguments of a call fit the JSON schema that a client or an MCP server gave for them.

The schema is a stranger's: it fetches nothing, and neither its patterns nor its references can keep the server busy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend, validator_for
from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema
from referencing import Registry
from referencing.exceptions import Unresolvable

from vivavoce.ports import EngineError, Tool

MOST_STEPS = 5_000
"""References followed for one call: schemas that double themselves at each of them end here."""
MOST_FAULTS = 3
"""Faults told to a model at once."""
LONGEST_FAULT = 300
"""Characters of each; a fault quotes what is wrong."""

_Keyword = Callable[[object, object, object, object], Iterator[ValidationError] | None]


class Schema:
    """One tool's schema, for one call."""

    def __init__(self, tool: Tool) -> None:
        """Raises `EngineError` (`invalid_tool`) for what is no schema."""
        self._tool = tool.name
        self._left = MOST_STEPS
        schema = dict(tool.parameters)
        try:
            kind = validator_for({"$schema": str(schema.get("$schema", ""))}, default=Draft202012Validator)
            kind.check_schema(schema)
            hard = next((pattern for pattern in _name_patterns(schema) if _is_hard(pattern)), None)
        except (SchemaError, ValueError) as error:
            raise self._unusable(getattr(error, "message", str(error))) from None
        except RecursionError:
            raise self._unusable("it is nested too deep") from None
        if hard is not None:
            raise self._unusable(f"the pattern {hard!r} of patternProperties is not simple enough")
        own: dict[str, _Keyword] = {"pattern": self._pattern}
        own |= {name: self._counted(kind.VALIDATORS[name]) for name in _REFERENCES if name in kind.VALIDATORS}
        self._validator = extend(kind, own)(schema, registry=Registry())  # the default one fetches references

    def faults(self, arguments: Mapping[str, object]) -> str:
        """What does not fit, for the model; "" if all fits. Raises `EngineError` (`invalid_tool`)."""
        try:
            errors = self._validator.iter_errors(arguments)
            return "\n".join(_told(error) for error, _ in zip(errors, range(MOST_FAULTS), strict=False))
        except (Unresolvable, ValueError):
            raise self._unusable("a reference leads nowhere") from None
        except RecursionError:
            raise self._unusable("its references lead on without an end") from None

    def _counted(self, follow: _Keyword) -> _Keyword:
        def counted(
            validator: object, reference: object, instance: object, schema: object
        ) -> Iterator[ValidationError] | None:
            self._left -= 1
            if self._left < 0:
                raise self._unusable("its references lead on without an end")
            return follow(validator, reference, instance, schema)

        return counted

    def _pattern(
        self, validator: object, pattern: object, instance: object, schema: object
    ) -> Iterator[ValidationError]:
        """By an engine of linear time, for Python's own can be kept busy for years."""
        if not isinstance(instance, str):
            return
        try:
            matcher = SchemaValidator(core_schema.str_schema(pattern=str(pattern)))
        except PatternError:
            raise self._unusable(f"the pattern {pattern!r} is none that can be checked") from None
        if not matcher.isinstance_python(instance):
            yield ValidationError(f"{instance!r} does not match {pattern!r}")

    def _unusable(self, why: str) -> EngineError:
        what = f"The parameters of the tool {self._tool} are no usable JSON schema: {why[:LONGEST_FAULT]}."
        return EngineError("invalid_tool", what)


_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def parsed(arguments: str) -> dict[str, object] | None:
    """The arguments of a call, or None where they are no JSON object."""
    try:
        found = json.loads(arguments, parse_constant=_no_json)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _no_json(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity, which Python takes


def _told(error: ValidationError) -> str:
    return f"{error.json_path}: {error.message}"[:LONGEST_FAULT]


def _name_patterns(schema: object) -> Iterator[str]:
    """Patterns of property names, which the validator gives to Python's own engine."""
    if isinstance(schema, list):
        for each in schema:
            yield from _name_patterns(each)
    if isinstance(schema, dict):
        names = schema.get("patternProperties")
        yield from names if isinstance(names, dict) else ()
        for each in schema.values():
            yield from _name_patterns(each)


def _is_hard(pattern: str) -> bool:
    """It may take more than quadratic time: only with a second repetition."""
    return len(re.findall(r"[*+{]", pattern)) > 1
