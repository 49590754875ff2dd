"""Names and options of the configuration become engines."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from msgspec import Struct

from vivavoce import engines
from vivavoce.config import Config, engine_options, load, tree
from vivavoce.engines import build
from vivavoce.ports import Engine, EngineError

TABLES: dict[str, Mapping[str, Callable[..., Engine]]] = {
    "vad": engines.VAD,
    "noise": engines.NOISE,
    "turn": engines.TURN,
    "asr": engines.ASR,
    "llm": engines.LLM,
    "tts": engines.TTS,
    "responder": engines.RESPONDER,
    "images": engines.IMAGES,
    "image_urls": engines.IMAGE_URLS,
}
WITHOUT = ("none", "cascade")
"""Names that need no factory."""
NOT_INSTANT = ("noise", "images", "image_urls")
INSTANT = {role: {"name": "none" if role in NOT_INSTANT else "instant"} for role in TABLES}
INSTANT["responder"] = {"name": "cascade"}


def nowhere(name: str) -> Path:
    return Path("nowhere") / name


def structs(role: str) -> dict[str, type[Struct]]:
    """The option types of a role in the configuration, by the name that chooses them."""
    hints = typing.get_type_hints(tree.Engines, include_extras=True)
    found = typing.get_args(hints[role]) or (hints[role],)
    return {str(each.__struct_config__.tag): each for each in found}


def keywords(factory: Callable[..., Engine]) -> set[str]:
    parameters = list(inspect.signature(factory).parameters.values())[1:]
    names = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    for each in parameters:
        if each.kind is each.VAR_KEYWORD:  # Unpack[SomeOptions]
            names |= set(getattr(engines, each.annotation[len("Unpack[") : -1]).__annotations__)
    return names


@pytest.mark.parametrize("role", TABLES)
def test_every_name_in_the_configuration_has_a_factory_that_takes_its_options(role: str) -> None:
    configured = {name: set(struct.__struct_fields__) for name, struct in structs(role).items() if name not in WITHOUT}
    for fields in configured.values():
        fields.discard("api_key_env")
    assert {name: keywords(factory) for name, factory in TABLES[role].items()} == configured


def test_instant_engines() -> None:
    built = build(INSTANT, nowhere)
    names = {role: engine.name for role, engine in built.by_role().items()}
    assert names == {role: "instant" for role in TABLES if role not in (*NOT_INSTANT, "responder")}
    assert built.tts is not None
    assert built.responder.voices == built.tts.voices


def test_no_turn_detector_and_no_noise_reduction() -> None:
    built = build({**INSTANT, "turn": {"name": "none"}}, nowhere)
    assert (built.turn, built.noise) == (None, None)
    assert not {"turn", "noise"} & built.by_role().keys()


def test_remote_engines_take_their_options_from_the_configuration() -> None:
    url = "http://localhost:1/v1"
    config = Config(
        engines=tree.Engines(
            vad=tree.InstantVad(),
            turn=tree.InstantTurn(),
            asr=tree.OpenAiAsr(base_url=url, model="m"),
            llm=tree.OpenAiLlm(base_url=url, model="m"),
            tts=tree.OpenAiTts(base_url=url, model="m", voices=("nova",), max_speed=1.0, languages=("en", "fr")),
        )
    )
    built = build(engine_options(config), nowhere)
    llm, tts = built.cascade()
    assert {built.asr.name, llm.name, tts.name} == {"openai"}
    assert "nova" in tts.voices
    assert tts.speeds == (0.25, 1.0)
    assert tts.languages == built.responder.languages == ("en", "fr")


def test_the_default_engines_are_given_the_paths_of_their_models() -> None:
    asked: list[str] = []

    def path(name: str) -> Path:
        asked.append(name)
        return nowhere(name)

    built = build(engine_options(Config()), path)
    kinds = [type(engine).__name__ for engine in built.by_role().values()]
    assert kinds == [
        "SileroVad",
        "GtcrnNoiseReducer",
        "SmartTurn",
        "WhisperAsr",
        "LlamaLlm",
        "HibariTts",
        "OcrImageReader",
        "McpServers",
    ]
    assert sorted(asked) == ["gtcrn", "pp-ocr", "qwen2.5-coder-1.5b", "silero-vad", "smart-turn", "whisper-base"]


def test_a_model_that_sees_needs_nobody_to_read_pictures_to_it() -> None:
    llm = engine_options(Config(engines=tree.Engines(llm=tree.OpenAiLlm(base_url="http://x", model="m", images=True))))
    built = build({**INSTANT, "llm": llm["llm"], "images": {"name": "ocr", "model": "pp-ocr", "threads": 1}}, nowhere)
    assert "images" in built.responder.features
    assert built.images is None


def test_addresses_are_fetched_where_that_is_chosen() -> None:
    built = build({**INSTANT, "image_urls": {"name": "https", "allow": ("10.0.0.0/8",)}}, nowhere)
    assert built.by_role()["image_urls"] is built.image_urls
    assert built.image_urls is not None


def test_options_that_cannot_be_used_are_explained() -> None:
    llm = engine_options(
        Config(engines=tree.Engines(llm=tree.OpenAiLlm(base_url="http://x", model="m", api_key="clé")))
    )["llm"]
    with pytest.raises(EngineError, match="The engine openai cannot be used"):
        build({**INSTANT, "llm": llm}, nowhere)


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "vivavoce.engines.silero", raising=False)
    vad = {"name": "silero", "model": "silero-vad"}
    with pytest.raises(EngineError, match="silero needs the package onnxruntime, which is not installed"):
        build({**INSTANT, "vad": vad}, nowhere)


def test_the_way_to_mcp_servers_takes_what_the_configuration_gives_it() -> None:
    options = engine_options(load(None, {"VIVAVOCE_MCP__SERVERS__SHOP__URL": "http://shop.example/mcp"}))
    assert keywords(engines.MCP["mcp"]) == set(options["mcp"]) - {"name"}
    servers = options["mcp"]["servers"]
    assert isinstance(servers, dict)
    assert set(servers["shop"]) == set(engines.ServerOptions.__annotations__)


def test_only_a_model_that_calls_tools_loads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    options = engine_options(load(None, {"VIVAVOCE_MCP__SERVERS__SHOP__URL": "http://shop.example/mcp"}))
    remote = {
        tools: engine_options(
            Config(engines=tree.Engines(llm=tree.OpenAiLlm(base_url="http://localhost:1/v1", model="m", tools=tools)))
        )["llm"]
        for tools in (True, False)
    }
    built = build({**INSTANT, "llm": remote[True], "mcp": options["mcp"]}, nowhere)
    assert built.tools is not None
    assert (built.tools.labels, built.by_role()["mcp"]) == (("shop",), built.tools)
    assert build({**INSTANT, "llm": remote[True]}, nowhere).tools is None
    monkeypatch.delitem(sys.modules, "vivavoce.engines.mcp.servers")
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert build({**INSTANT, "llm": remote[False], "mcp": options["mcp"]}, nowhere).tools is None
