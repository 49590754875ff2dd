"""The options of other packages' engines are settings like all others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.packages import Install, installing

from vivavoce.config import Config, ConfigError, engine_options, load, render
from vivavoce.config.installed import InstalledOptions
from vivavoce.engines.installed import installed

PARROT = '''
from typing import Annotated, Literal
from msgspec import Meta

class Parrot:
    """It repeats."""

    def __init__(
        self,
        model: str,
        times: Annotated[int, Meta(ge=1, le=9, description="How often.")] = 2,
        mood: Literal["glad", "angry"] = "glad",
        words: list[str] = ["Polly"],
        api_key: Annotated[str | None, Meta(description="For its cage.")] = None,
        api_key_env: str = "",
    ) -> None: ...
'''
TOML = '[engines.tts]\nname = "parrot"\nmodel = "grey"\n'


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    with installing(tmp_path, monkeypatch) as ready:
        yield ready


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return tmp_path / "vivavoce.toml"


@pytest.fixture
def parrot(install: Install) -> Install:
    install("aviary", PARROT, tts="parrot = aviary:Parrot")
    return install


def loaded(path: Path, toml: str, **environ: str) -> Config:
    path.write_text(toml, encoding="utf-8")
    return load(path, environ, offers=installed())


def problems(path: Path, toml: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(path, toml)
    return caught.value.problems


@pytest.mark.usefixtures("parrot")
def test_its_options_are_read_with_their_types_and_defaults(settings: Path) -> None:
    config = loaded(settings, TOML, VIVAVOCE_ENGINES__TTS__TIMES="3", VIVAVOCE_ENGINES__TTS__WORDS="['Hello']")
    assert isinstance(config.engines.tts, InstalledOptions)
    assert engine_options(config)["tts"] == {
        "name": "parrot",
        "model": "grey",
        "times": 3,
        "mood": "glad",
        "words": ["Hello"],
        "api_key": None,
        "api_key_env": "",
    }


@pytest.mark.usefixtures("parrot")
def test_what_is_printed_is_read_back_and_its_key_is_masked(settings: Path) -> None:
    config = loaded(settings, TOML, VIVAVOCE_ENGINES__TTS__API_KEY="sk-of-the-cage-0123456789")
    printed = render(config)
    (table,) = [each for each in printed.split("\n\n") if each.startswith("[engines.tts]")]
    assert table.splitlines() == [
        "[engines.tts]",
        "# It repeats. From the package aviary (aviary:Parrot).",
        "# One of: hibari, kokoro, openai, instant, parrot.",
        'name = "parrot"',
        'model = "grey"',
        "# How often.",
        "times = 2",
        "# One of: angry, glad.",
        'mood = "glad"',
        'words = ["Polly"]',
        "# For its cage.",
        'api_key = "sk-of***89"',
        'api_key_env = ""',
    ]
    again = loaded(settings, printed.replace("sk-of***89", "sk-of-the-cage-0123456789"))
    assert engine_options(again) == engine_options(config)
    assert "sk-of-the-cage" not in repr(config)


@pytest.mark.usefixtures("parrot")
def test_its_model_is_not_looked_for_in_the_catalogue(settings: Path) -> None:
    settings.write_text(TOML, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(settings, {}, {"kokoro": "tts"}, installed())
    assert not [each for each in caught.value.problems if each.startswith("engines.tts")]


@pytest.mark.usefixtures("parrot")
def test_every_mistake_in_its_options_is_named(settings: Path) -> None:
    toml = '[engines.tts]\nname = "parrot"\ntime = 3\nmood = "mad"\ntimes = 12\nwords = 1\n'
    assert problems(settings, toml) == [
        "engines.tts.time: there is no such setting. Did you mean 'times'? "
        "Known here: model, times, mood, words, api_key, api_key_env.",
        "engines.tts.mood: Invalid value: 'mad'. Supported values are: 'angry' and 'glad'.",
        "engines.tts.times: integer above maximum value. Expected a value <= 9, but got 12 instead.",
        "engines.tts.words: Invalid type: expected an array, but got an integer instead.",
        "engines.tts.model: Missing required parameter: 'engines.tts.model'.",
    ]


@pytest.mark.usefixtures("parrot")
def test_an_unknown_name_is_answered_with_all_that_there_are(settings: Path) -> None:
    assert problems(settings, '[engines.tts]\nname = "parott"\ntimes = 99\n') == [
        "engines.tts.name: Invalid value: 'parott'. Supported values are: 'hibari', 'kokoro', 'openai', 'instant', "
        "and 'parrot'. Did you mean 'parrot'?",
    ]
    # It is offered as a voice and as nothing else.
    assert "parrot" not in problems(settings, '[engines.llm]\nname = "parott"\n')[0].replace("parott", "")


def test_a_built_in_name_cannot_be_taken(install: Install, settings: Path) -> None:
    install("cuckoo", "", tts="hibari = cuckoo:Mine", noise="none = cuckoo:Mine", responder="cascade = cuckoo:Mine")
    taken = "is built in, and an engine of the same name comes from another package: cuckoo (cuckoo:Mine). "
    taken += "Uninstall that, or choose another engine."
    toml = '[server]\nprot = 1\n[engines.noise]\nname = "none"\n'
    assert problems(settings, toml) == [
        f"engines.noise.name: 'none' {taken}",
        f"engines.tts.name: 'hibari' {taken}",
        f"engines.responder.name: 'cascade' {taken}",
        "server.prot: there is no such setting. Did you mean 'port'? Known here: host, port, keys, keys_env, tls_cert, "
        "tls_key, cors_origins, playground.",
    ]


@pytest.mark.usefixtures("parrot")
def test_a_name_must_mean_one_engine(install: Install, settings: Path) -> None:
    install("zoo", PARROT, tts="parrot = zoo:Parrot")
    assert problems(settings, TOML) == [
        "engines.tts.name: 'parrot' is offered by several packages: aviary (aviary:Parrot), zoo (zoo:Parrot). "
        "Uninstall all but one."
    ]
    # Where nobody chooses it, it does no harm.
    assert not [each for each in problems(settings, "[server]\nport = -1\n") if "parrot" in each]


@pytest.mark.usefixtures("parrot")
def test_a_table_that_is_none_is_told_as_ever(settings: Path) -> None:
    assert problems(settings, "engines = 1\n") == [
        "engines: Invalid type: expected an object, but got an integer instead."
    ]
    assert problems(settings, '[engines]\ntts = "parrot"\n') == [
        "engines.tts: Invalid type: expected an object, but got a string instead."
    ]
    assert problems(settings, "[engines.tts]\nname = 3\n") == [
        "engines.tts.name: Invalid type: expected one of 'hibari', 'kokoro', 'openai', 'instant', or 'parrot', "
        "but got an integer instead."
    ]
