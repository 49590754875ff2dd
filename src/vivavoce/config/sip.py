"""The settings of telephone calls: where SIP is spoken, and with whom."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from vivavoce.config.phone import Outbound, Rule, Webhook, resolve_outbound, resolve_webhooks, wrong_rules
from vivavoce.config.section import Section, Variable
from vivavoce.config.sip_media import SipMedia, wrong_media

Listen = Annotated[str, Meta(pattern=r"^(udp|tcp|tls):(\[[0-9A-Fa-f:.]+\]|[0-9.]+):[0-9]{1,5}$")]
Label = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,64}$")]
Uri = Annotated[str, Meta(pattern="^sips?:[^@\\s]+@[^@\\s]+$")]


class SipUser(Section, frozen=True, kw_only=True):
    """A phone or trunk that may call when it proves who it is (digest)."""

    password: Annotated[str | None, Meta(description="Its password; password_env keeps it out of files.")] = None
    password_env: Annotated[Variable | None, Meta(description="Environment variable that holds the password.")] = None


class SipRegistration(Section, frozen=True, kw_only=True):
    """A registrar that sends the calls for an address here."""

    address: Annotated[Uri, Meta(description="Whose calls, as sip:4930123@registrar.example.")]
    registrar: Annotated[
        Annotated[str, Meta(pattern=r"^sips?:[^@\s]+$")] | None,
        Meta(description="Where to register, as sip:registrar.example;transport=tls. Absent: the address's host."),
    ] = None
    username: Annotated[str | None, Meta(description="Absent: the user of the address.")] = None
    password: Annotated[str | None, Meta(description="Its password; password_env keeps it out of files.")] = None
    password_env: Annotated[Variable | None, Meta(description="Environment variable that holds the password.")] = None
    expires_s: Annotated[int, Meta(ge=60, le=86_400, description="For how long; the registrar may shorten it.")] = 600


class Sip(Section, frozen=True, kw_only=True):
    """Telephone calls: a SIP endpoint. It is off while `listen` is empty."""

    listen: Annotated[
        tuple[Listen, ...],
        Meta(description='Addresses, as ["udp:0.0.0.0:5060", "tcp:[::]:5060", "tls:0.0.0.0:5061"]. None: no calls.'),
    ] = ()
    public_address: Annotated[
        str | None,
        Meta(description="IP address by which phones reach this machine through a NAT that keeps ports (1:1)."),
    ] = None
    tls_cert: Annotated[
        str | None, Meta(description="PEM file with the certificate chain. Absent: that of [server].")
    ] = None
    tls_key: Annotated[str | None, Meta(description="PEM file with the certificate's private key.")] = None
    tls_ca: Annotated[
        str | None,
        Meta(description="PEM file with whom TLS is trusted to, where this server connects. Absent: as usual."),
    ] = None
    allow: Annotated[
        tuple[str, ...],
        Meta(description='Networks that may call without a password, as ["203.0.113.0/24"]: the carrier\'s.'),
    ] = ()
    users: Annotated[dict[str, SipUser], Meta(description="Who may call from anywhere, with a password.")] = field(
        default_factory=dict
    )
    realm: Annotated[
        str, Meta(pattern=r'^[^"\\\x00-\x1f\x7f]+$', description="What phones show when they ask for the password.")
    ] = "vivavoce"
    digests: Annotated[
        tuple[Literal["SHA-256", "MD5"], ...],
        Meta(
            min_length=1,
            description="How passwords are proved, the best first. Many phones know MD5 alone, and some of them give "
            "up when they are asked for anything else too.",
        ),
    ] = ("MD5",)
    registrations: Annotated[
        dict[Label, SipRegistration], Meta(description="Registrars that send calls here, by a name of yours.")
    ] = field(default_factory=dict)
    media: SipMedia = field(default_factory=SipMedia)
    max_ringing: Annotated[
        int, Meta(ge=1, le=100_000, description="Calls that ring at once; further ones are told to try later (503).")
    ] = 64
    calls_per_second: Annotated[
        float, Meta(gt=0, le=10_000, description="New calls taken in a second, over some seconds; the rest get 503.")
    ] = 20.0
    max_connections: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="TCP and TLS connections. Beyond them the longest idle one on which nobody has spoken who may "
            "call gives way; where there is none, no further one is let in.",
        ),
    ] = 1000
    session_expires_s: Annotated[
        int,
        Meta(ge=0, le=86_400, description="A call ends when its phone shows no life for so long (RFC 4028); 0: never."),
    ] = 1800
    answer_within_s: Annotated[
        float, Meta(gt=0, le=180, description="Until an application must have decided about a call that rings.")
    ] = 30.0
    webhooks: Annotated[
        tuple[Webhook, ...], Meta(description="Applications that are told of each call that rings.")
    ] = ()
    rules: Annotated[
        tuple[Rule, ...], Meta(description="What happens to calls by itself: the first rule that fits decides.")
    ] = ()
    outbound: Outbound = field(default_factory=Outbound)


def resolve_sip(
    sip: Sip, environ: Mapping[str, str], server_tls: tuple[str | None, str | None]
) -> tuple[Sip, list[str]]:
    """With the passwords of the environment and the server's certificate filled in, and what is wrong."""
    problems = [f"sip.allow: '{each}' is no network." for each in sip.allow if not _is_network(each)]
    for each in sip.listen:
        host, _, port = each.partition(":")[2].rpartition(":")
        if not _is_address(host.strip("[]")) or not 1 <= int(port) <= 65_535:
            problems.append(f"sip.listen: '{each}' is no IP address with a port.")
    if sip.public_address and not _is_address(sip.public_address):
        problems.append(f"sip.public_address: '{sip.public_address}' is not an IP address.")
    problems += wrong_media(sip.media)
    for name, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if getattr(sip, name) and not getattr(sip, other):
            problems.append(f"sip.{other}: sip.{name} is set, and TLS needs both.")
    if not sip.tls_cert and not sip.tls_key:
        sip = replace(sip, tls_cert=server_tls[0], tls_key=server_tls[1])
    if any(each.startswith("tls:") for each in sip.listen) and not sip.tls_cert:
        problems.append("sip.tls_cert: sip.listen has a TLS address, and TLS needs a certificate and its key.")
    nobody = not sip.allow and not sip.users and not sip.registrations
    if nobody and any(not _is_loopback(each) for each in sip.listen):
        problems.append(
            "sip.allow: sip.listen can be reached from other machines, and everybody there could call. Name the "
            'networks that may, as in `allow = ["203.0.113.0/24"]`, give [sip.users] passwords, or register with '
            "[sip.registrations]."
        )
    users: dict[str, SipUser] = {}
    for name, user in sip.users.items():
        password, wrong = _password(f"sip.users.{name}", user, environ)
        users[name] = replace(user, password=password)
        problems += wrong
    registrations: dict[Label, SipRegistration] = {}
    for name, registration in sip.registrations.items():
        password, wrong = _password(f"sip.registrations.{name}", registration, environ)
        registrations[name] = replace(registration, password=password)
        problems += wrong
    webhooks, wrong = resolve_webhooks(sip.webhooks, environ)
    problems += wrong
    outbound, wrong = resolve_outbound(sip.outbound, environ)
    problems += [*wrong, *wrong_rules(sip.rules)]
    return replace(sip, users=users, registrations=registrations, webhooks=webhooks, outbound=outbound), problems


def _password(place: str, owner: SipUser | SipRegistration, environ: Mapping[str, str]) -> tuple[str | None, list[str]]:
    if not owner.password_env:
        wrong = [] if owner.password else [f"{place}.password: it is missing."]
        return owner.password, wrong
    if owner.password:
        return owner.password, [f"{place}.password_env: password is set too; keep one of them."]
    found = environ.get(owner.password_env, "").strip()
    wrong = [] if found else [f"{place}.password_env: the environment variable {owner.password_env} is not set."]
    return found, wrong


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_loopback(listen: str) -> bool:
    host = listen.partition(":")[2].rpartition(":")[0].strip("[]")
    return _is_address(host) and ip_address(host).is_loopback
