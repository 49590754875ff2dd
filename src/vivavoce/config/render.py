"""The settings in force as a TOML file with its explanations; secrets are masked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import wrap

from msgspec import Struct, inspect
from msgspec.structs import asdict

from vivavoce.config.remote import EngineOptions
from vivavoce.config.section import SECRETS
from vivavoce.config.tree import Config
from vivavoce.protocol.keys import masked

_WIDTH = 100


def render(config: Config) -> str:
    """TOML text that `load` reads back, except for the secrets."""
    return "\n".join(_table(config, inspect.type_info(type(config)), "")).strip() + "\n"


def _table(section: Struct, info: inspect.Type, path: str) -> Iterator[str]:
    tables: list[tuple[str, Struct, inspect.Type]] = []
    if path:
        yield from ("", f"[{path}]", *_comment(type(section).__doc__ or ""))
    if isinstance(section, EngineOptions):
        tag = section.__struct_config__.tag
        yield from (*_comment(f"One of: {', '.join(_tags(info))}."), f"name = {_value(tag)}")
    for field in _struct(section, info).fields:
        value = getattr(section, field.name)
        if isinstance(value, Struct):
            tables.append((field.encode_name, value, field.type))
        else:
            yield from _setting(field, value)
    for name, inner, inner_info in tables:
        yield from _table(inner, inner_info, f"{path}.{name}" if path else name)


def _setting(field: inspect.Field, value: object) -> Iterator[str]:
    yield from _comment(_description(field.type))
    if value is None:
        yield f"# {field.encode_name} is not set"
        return
    if field.encode_name in SECRETS:
        value = _masked(value)
    yield f"{field.encode_name} = {_value(value)}"


def _masked(value: object) -> object:
    if isinstance(value, dict):
        return {name: masked(str(secret)) for name, secret in value.items()}
    return masked(value) if isinstance(value, str) else tuple(map(masked, _strings(value)))


def _strings(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, tuple) else []


def _value(value: object) -> str:
    if isinstance(value, Struct):
        given = {name: inner for name, inner in asdict(value).items() if inner is not None}
        value = {name: _masked(inner) if name in SECRETS else inner for name, inner in given.items()}
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        shown = {key: _masked(inner) if _is_secret(key, inner) else inner for key, inner in value.items()}
        pairs = [f"{json.dumps(key)} = {_value(inner)}" for key, inner in shown.items()]
        return f"{{{', '.join(pairs)}}}"
    # JSON writes strings, booleans and numbers as TOML does.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_secret(key: object, value: object) -> bool:
    return key in SECRETS and isinstance(value, str | dict)


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in wrap(text, _WIDTH)]


def _description(info: inspect.Type) -> str:
    if isinstance(info, inspect.Metadata):
        own = str((info.extra_json_schema or {}).get("description", ""))
        return f"{own} {_description(info.type)}".strip()
    return f"One of: {', '.join(map(str, info.values))}." if isinstance(info, inspect.LiteralType) else ""


def _members(info: inspect.Type) -> list[inspect.StructType]:
    types = info.types if isinstance(info, inspect.UnionType) else (info,)
    return [each for each in types if isinstance(each, inspect.StructType)]


def _struct(section: Struct, info: inspect.Type) -> inspect.StructType:
    return next(each for each in _members(info) if each.cls is type(section))


def _tags(info: inspect.Type) -> list[str]:
    return [str(each.tag) for each in _members(info)]
