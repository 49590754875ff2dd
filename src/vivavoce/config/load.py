"""Reads the settings: a TOML file, then environment variables over it, and every mistake at once.

`VIVAVOCE_SERVER__PORT=9000` sets `port` of `[server]`: two underscores stand for the dot. A value is taken as it
stands where the setting is a string, and read as TOML otherwise (`VIVAVOCE_SERVER__KEYS='["sk-one", "sk-two"]'`). An
empty variable counts as absent. Variables without two underscores are not looked at: container platforms
inject their own, such as `VIVAVOCE_PORT=tcp://...` for a service of that name.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from msgspec import convert

from vivavoce.config.check import NO_MODELS, resolve
from vivavoce.config.installed import Offer, widened
from vivavoce.config.tree import Config, Engines
from vivavoce.protocol.explain import Violation, explain

PREFIX = "VIVAVOCE_"
Table = dict[str, object]


class ConfigError(Exception):
    """The settings cannot be used. Each of `problems` is a sentence that names its key."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(
    path: Path | None,
    environ: Mapping[str, str] | None = None,
    models: Mapping[str, str] = NO_MODELS,
    offers: Sequence[Offer] = (),
) -> Config:
    """The settings in `path` (None: only the defaults) and in `environ` (None: the process's own).

    `models` maps each name in the model catalogue to its role (vad, turn, asr, llm, tts); without it model names
    are not checked. `offers` are the engines of other packages that may be chosen. In the result the keys that
    environment variables hold are filled in. Raises `ConfigError`, and what an offer raises that is chosen.
    """
    environ = os.environ if environ is None else environ
    table = _read(path) if path else {}
    reader = _Reader(table, environ, offers)
    config = reader.config()
    config, problems = resolve(config, environ, models)
    if reader.problems or problems:
        raise ConfigError([*reader.problems, *problems])
    return config


def _read(path: Path) -> Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}."]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path} is not TOML: {error}."]) from None


class _Reader:
    """Makes a table fit `Config`, and says what it had to take out of it."""

    def __init__(self, table: Table, environ: Mapping[str, str], offers: Sequence[Offer]) -> None:
        self.problems: list[str] = []
        self._table = table
        self._variables: dict[str, str] = {}  # setting -> the environment variable that gave it
        self._unread: set[str] = set()  # those of them whose text was not yet read as TOML
        self._reported: set[str] = set()
        for variable in sorted(environ):
            if variable.startswith(PREFIX) and "__" in variable and environ[variable]:
                self._put(variable, environ[variable])
        self._name_engines()
        engines = table.get("engines")
        self._type, wrong = widened(engines if isinstance(engines, dict) else {}, offers)
        self.problems += wrong

    def config(self) -> Config:
        """What is left when every mistake is taken out, so that one does not hide the next."""
        while found := explain(self._type, self._table):
            param = found.param or ""
            if param in self._unread and (read := _as_toml(self._at(param))) is not None:
                container, key = self._locate(param)
                container[key] = read
                self._unread.discard(param)
                continue
            self._report(found)
            self._remove(found)
        return convert(self._table, self._type)

    def _put(self, variable: str, text: str) -> None:
        *tables, key = variable.removeprefix(PREFIX).lower().split("__")
        at: object = self._table
        for name in tables:
            at = at.setdefault(name, {}) if isinstance(at, dict) else None
        if not isinstance(at, dict):
            self.problems.append(f"{variable}: '{'.'.join(tables)}' is not a table of the configuration.")
            return
        at[key] = text
        setting = ".".join((*tables, key))
        self._variables[setting] = variable
        self._unread.add(setting)

    def _name_engines(self) -> None:
        """An engine's options without its name are meant for the default one."""
        engines = self._table.get("engines")
        for role in Engines.__struct_fields__ if isinstance(engines, dict) else ():
            options = engines.get(role) if isinstance(engines, dict) else None
            if isinstance(options, dict):
                options.setdefault("name", getattr(Engines(), role).__struct_config__.tag)

    def _locate(self, param: str) -> tuple[Table, str]:
        """The table that holds a setting, and its key there. `keys[0]` is held by `keys`."""
        at, rest = self._table, param
        while True:
            # Quoted TOML keys may hold dots themselves, so the longest one that fits is the one meant.
            for key in sorted(at, key=len, reverse=True):
                inner = at[key]
                if rest == key or rest.startswith(f"{key}["):
                    return at, key
                if rest.startswith(f"{key}.") and isinstance(inner, dict):
                    at, rest = inner, rest.removeprefix(f"{key}.")
                    break
            else:
                return at, rest  # a missing key

    def _at(self, param: str) -> object:
        container, key = self._locate(param)
        return container.get(key)

    def _report(self, found: Violation) -> None:
        param = found.param or ""
        if param in self._reported:
            return  # taken out as wrong, and now missing
        self._reported.add(param)
        variable = self._variables.get(param)
        place = f"{param} (from {variable})" if variable else param
        self.problems.append(f"{place}: {_sentence(found, self._at(param))}")

    def _remove(self, found: Violation) -> None:
        """Take a mistake out. An engine that lacks something, or has no such name, goes as a whole."""
        param = found.param or ""
        table, _, name = param.rpartition(".")
        lost = found.code == "missing_required_parameter" or (name == "name" and table.startswith("engines."))
        container, key = self._locate(table if lost else param)
        del container[key]


def _as_toml(text: object) -> object | None:
    try:
        read: object = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return None
    return read


def _sentence(found: Violation, value: object) -> str:
    allowed, param = list(found.allowed), found.param or ""
    if found.code == "unknown_parameter":
        near = _near_miss(param.rpartition(".")[2], allowed)
        return f"there is no such setting.{near} Known here: {', '.join(allowed)}."
    # The key stands before the sentence already.
    message = found.message.replace(f"Invalid '{param}': ", "").replace(f" for '{param}'", "")
    return message + (_near_miss(value, allowed) if isinstance(value, str) else "")


def _near_miss(wrong: str, allowed: list[str]) -> str:
    near = get_close_matches(wrong.lower(), allowed, n=1)
    return f" Did you mean '{near[0]}'?" if near else ""
