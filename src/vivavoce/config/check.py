"""What no single setting shows: keys that the environment holds, and settings that do not go together."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import ip_address
from types import MappingProxyType

from msgspec.structs import asdict, replace

from vivavoce.config.duplex import MoshiResponder, ungreeted, unread, unsaid
from vivavoce.config.installed import InstalledOptions
from vivavoce.config.mcp import mcp_options, resolve_mcp
from vivavoce.config.phone import Rule, wrong_projects
from vivavoce.config.prices import wrong_prices
from vivavoce.config.remote import ChatAudioResponder, EngineOptions, Remote
from vivavoce.config.sip import resolve_sip
from vivavoce.config.tree import CascadeResponder, Config, Engines, OpenAiLlm, Project, Server
from vivavoce.config.upstream import RealtimeResponder
from vivavoce.config.webrtc import WebRtc

NO_MODELS: Mapping[str, str] = MappingProxyType({})
_NEW_KEY = "python3 -c \"import secrets; print('sk-' + secrets.token_urlsafe(24))\""


def resolve(config: Config, environ: Mapping[str, str], models: Mapping[str, str]) -> tuple[Config, list[str]]:
    """The settings with the keys of the environment filled in, and what is wrong with them."""
    server, problems = _server(config.server, environ, keyed=bool(config.projects))
    webrtc, wrong = _webrtc(config.webrtc, environ)
    problems += wrong
    mcp, wrong = resolve_mcp(config.mcp, environ)
    problems += wrong
    sip, wrong = resolve_sip(config.sip, environ, (config.server.tls_cert, config.server.tls_key))
    problems += wrong
    projects, wrong = _projects(config, server.keys, environ)
    problems += [*wrong, *wrong_projects(sip.webhooks, sip.rules, frozenset(projects))]
    filled: dict[str, EngineOptions] = {}
    for role in Engines.__struct_fields__:
        filled[role], wrong = _engine(role, getattr(config.engines, role), environ, models)
        problems += wrong
    engines = replace(config.engines, **filled)
    problems += [*_unused(engines), *_unspoken(config.tools.filler, sip.rules, engines), *_unheard(engines)]
    problems += [*wrong_prices(config.prices, engines), *unread(engines.responder)]
    config = replace(config, server=server, webrtc=webrtc, sip=sip, mcp=mcp)
    return replace(config, projects=projects, engines=engines), problems


def engine_options(config: Config) -> dict[str, dict[str, object]]:
    """What `vivavoce.engines.build` takes: for each role the engine's `name` and its options, and `mcp` if there is."""
    options: dict[str, EngineOptions] = asdict(config.engines)
    tables = {role: {"name": each.__struct_config__.tag, **asdict(each)} for role, each in options.items()}
    for role, each in options.items():
        if not isinstance(each, InstalledOptions):
            tables[role].pop("api_key_env", None)  # `resolve` has read it into api_key
    if config.mcp.enabled:
        tables["mcp"] = {"name": "mcp", **mcp_options(config.mcp)}
    return tables


def _unused(engines: Engines) -> list[str]:
    """Parts of a cascade that were chosen beside an engine that answers by itself."""
    if isinstance(engines.responder, CascadeResponder):
        return []
    name = engines.responder.__struct_config__.tag
    told = [role for role in ("llm", "tts") if getattr(engines, role) != getattr(Engines(), role)]
    return [f"engines.{role}: the responder {name} answers by itself and does not use it." for role in told]


def _unspoken(filler: str, rules: tuple[Rule, ...], engines: Engines) -> list[str]:
    """What the engines of ours that answer by themselves cannot be made to say. Of other packages' the server finds it
    when it has them."""
    responder = engines.responder
    name = str(responder.__struct_config__.tag)
    if isinstance(responder, MoshiResponder):
        return [*unsaid(name, filler), *ungreeted(name, rules)]
    return unsaid(name, filler) if isinstance(responder, RealtimeResponder | ChatAudioResponder) else []


def _unheard(engines: Engines) -> list[str]:
    """How a voice is sent to a model that is given none."""
    llm = engines.llm
    if not isinstance(llm, OpenAiLlm) or llm.speech:
        return []
    usual = OpenAiLlm(base_url=llm.base_url, model=llm.model)
    told = [name for name in ("speech_part", "speech_s", "speech_turns") if getattr(llm, name) != getattr(usual, name)]
    return [f"engines.llm.{name}: the model is given no voice without speech = true." for name in told]


def catalogue_models(engines: Engines) -> list[str]:
    """Names of the models in the catalogue that the engines in use need."""
    alone = not isinstance(engines.responder, CascadeResponder)
    roles = [role for role in Engines.__struct_fields__ if not (alone and role in ("llm", "tts"))]
    models = (_catalogued(getattr(engines, role)) for role in roles)
    return [model for model in models if model is not None]


def _catalogued(options: EngineOptions) -> str | None:
    """Servers have models of their own, and so have engines of other packages."""
    if isinstance(options, Remote | RealtimeResponder | InstalledOptions):
        return None
    model: str | None = getattr(options, "model", None)
    return model


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _projects(
    config: Config, common: tuple[str, ...], environ: Mapping[str, str]
) -> tuple[dict[str, Project], list[str]]:
    """`common`: the keys of no project."""
    problems: list[str] = []
    filled: dict[str, Project] = {}
    owners = dict.fromkeys(common, "server")
    for name, project in config.projects.items():
        place = f"projects.{name}"
        keys, wrong = _keys(place, project, environ)
        problems += wrong
        if not keys and not wrong:
            problems.append(f"{place}.keys: a project without keys has no callers.")
        twice = sorted({owners[key] for key in keys if key in owners})
        problems += [f"{place}.keys: a key of it belongs to {owner} too; each has one owner." for owner in twice]
        owners |= dict.fromkeys(keys, place)
        filled[name] = replace(project, keys=keys)
    return filled, problems


def _keys(place: str, owner: Server | Project, environ: Mapping[str, str]) -> tuple[tuple[str, ...], list[str]]:
    if not owner.keys_env:
        return owner.keys, []
    more = [key.strip() for key in environ.get(owner.keys_env, "").split(",") if key.strip()]
    wrong = [] if more else [f"{place}.keys_env: the environment variable {owner.keys_env} is not set."]
    return (*owner.keys, *more), wrong


def _server(server: Server, environ: Mapping[str, str], keyed: bool) -> tuple[Server, list[str]]:
    """`keyed`: there are projects, and so keys besides the server's own."""
    keys, problems = _keys("server", server, environ)
    server = replace(server, keys=keys)
    if not server.keys and not keyed and not problems and not is_loopback(server.host):
        problems.append(
            f"server.host: {server.host} can be reached from other machines, and without keys everybody there "
            f'could call. Set a key, as in `keys = ["sk-..."]` under [server] or in the environment variable '
            f"that server.keys_env names; `{_NEW_KEY}` makes one. Or listen on 127.0.0.1."
        )
    for name, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if getattr(server, name) and not getattr(server, other):
            problems.append(f"server.{other}: server.{name} is set, and TLS needs both.")
    return server, problems


def _webrtc(webrtc: WebRtc, environ: Mapping[str, str]) -> tuple[WebRtc, list[str]]:
    problems = []
    if webrtc.udp_ports:
        first, last = (int(port) for port in webrtc.udp_ports.split("-"))
        if not 1 <= first <= last <= 65_535:
            problems.append(f"webrtc.udp_ports: {webrtc.udp_ports} is no range of ports; they go from 1 to 65535.")
    if webrtc.public_address and not _is_address(webrtc.public_address):
        problems.append(f"webrtc.public_address: '{webrtc.public_address}' is not an IP address.")
    if (webrtc.turn_username or webrtc.turn_password or webrtc.turn_password_env) and not webrtc.turn:
        problems.append("webrtc.turn: it is not set, and the user and password of webrtc are for it.")
    if webrtc.turn_password_env:
        password = environ.get(webrtc.turn_password_env, "").strip()
        if webrtc.turn_password:
            problems.append("webrtc.turn_password_env: webrtc.turn_password is set too; keep one of them.")
        elif not password:
            where = webrtc.turn_password_env
            problems.append(f"webrtc.turn_password_env: the environment variable {where} is not set.")
        webrtc = replace(webrtc, turn_password=webrtc.turn_password or password)
    return webrtc, problems


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _engine(
    role: str, options: EngineOptions, environ: Mapping[str, str], models: Mapping[str, str]
) -> tuple[EngineOptions, list[str]]:
    if isinstance(options, Remote | RealtimeResponder):
        return _remote(role, options, environ)
    model = _catalogued(options)
    if not models or model is None or models.get(model) == role:
        return options, []
    known = [name for name, of in models.items() if of == role]
    near = get_close_matches(model, known, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    supported = ", ".join(f"'{name}'" for name in known) or "none"
    what = f"the catalogue has no {role} model called '{model}'"
    return options, [f"engines.{role}.model: {what}. Supported values are: {supported}.{hint}"]


def _remote(
    role: str, options: Remote | RealtimeResponder, environ: Mapping[str, str]
) -> tuple[EngineOptions, list[str]]:
    if not options.api_key_env:
        return options, []
    place = f"engines.{role}.api_key_env"
    if options.api_key:
        return options, [f"{place}: engines.{role}.api_key is set too; keep one of them."]
    key = environ.get(options.api_key_env, "").strip()  # files with secrets tend to end in a newline
    if not key:
        return options, [f"{place}: the environment variable {options.api_key_env} is not set."]
    return replace(options, api_key=key), []
