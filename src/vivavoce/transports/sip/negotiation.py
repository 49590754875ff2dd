"""Offer and answer (RFC 3264): what two sides agree on about the one audio stream of a call.

Of the codecs that a caller has, Opus comes first, since it carries the whole voice, and then the caller's own order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vivavoce.transports.rtp.codecs import DESCRIBED, OPUS_PARAMETERS, Codec, named
from vivavoce.transports.sip import sdp
from vivavoce.transports.sip.sdp import Address, SdpError, Section
from vivavoce.transports.sip.srtp import SUITES, Crypto

Encryption = Literal["off", "allowed", "required"]

_PLAIN, _SECURE = ("RTP/AVP", "RTP/AVPF"), ("RTP/SAVP", "RTP/SAVPF")
_CLOCKS = {"opus": 48_000, "pcmu": 8_000, "pcma": 8_000}
_OURS: dict[Codec, int] = {"opus": 96, "pcmu": 0, "pcma": 8}
_KEYS = {48_000: 97, 8_000: 101}
"""The payload types of an offer of ours: of each codec, and of keys on each clock."""
_DIRECTIONS = {
    (True, True): "sendrecv",
    (True, False): "sendonly",
    (False, True): "recvonly",
    (False, False): "inactive",
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What this side agrees to."""

    codecs: tuple[Codec, ...] = ("opus", "pcmu", "pcma")
    srtp: Encryption = "allowed"


@dataclass(frozen=True, slots=True)
class Keys:
    """How pressed keys travel (RFC 4733): by which payload type, and on which clock."""

    payload_type: int
    clock: int


@dataclass(frozen=True, slots=True)
class Agreed:
    """What holds until the next offer."""

    sections: tuple[Section, ...]
    """All that the offer had, in its order; `at` is the audio that is served."""
    at: int
    codec: Codec
    payload_type: int
    """Of what comes."""
    sends_as: int
    """Of what leaves: the same, unless the other side has answered with another."""
    keys: Keys | None
    to: Address | None
    """Where the other side wants its audio; None: nowhere, for now."""
    reports_to: Address | None
    mux: bool
    """Reports share the port of the audio (RFC 5761)."""
    sends: bool
    """We may."""
    hears: bool
    """The other side may send."""
    crypto: Crypto | None
    """The other side's key."""

    @property
    def version(self) -> int:
        """Of the other side's addresses: 4 or 6."""
        return 6 if " IP6 " in self.sections[self.at].connection else 4

    @property
    def clock(self) -> int:
        """Ticks per second of the audio."""
        return _CLOCKS[self.codec]


@dataclass(frozen=True, slots=True)
class Place:
    """Where our side of a call is, and the keys that it may use, one for each line that names one."""

    port: int
    reports_port: int
    keys: tuple[Crypto, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What we offer: each codec and each clock of keys with its payload type."""

    codecs: tuple[tuple[Codec, int], ...]
    keys: tuple[Keys, ...]
    protocol: str
    sections: tuple[Section, ...] = ()
    """Within a call: its lines, of which `at` is the audio."""
    at: int = 0


def choose(text: str, terms: Terms, before: Agreed | None = None) -> Agreed:
    """What we take of an offer; `before` is what held until now. Raises `SdpError`."""
    sections = sdp.parse(text)
    if before is not None and len(sections) < len(before.sections):
        raise sdp.broken("The new offer has fewer 'm=' lines than the one before.")
    kept = -1 if before is None else before.at
    refusal = SdpError("The offer has no audio.")
    for at in sorted(range(len(sections)), key=lambda at: (at != kept, not _cryptos(sections[at]))):
        if sections[at].kind == "audio" and sections[at].port:
            try:
                return _agreed(sections, at, terms)
            except SdpError as error:
                refusal = error
    raise refusal


def answer(agreed: Agreed, place: Place) -> Iterator[str]:
    """The lines of the media of our answer."""
    codecs, keys = ((agreed.codec, agreed.payload_type),), _listed(agreed.keys)
    audio = _audio(agreed.sections[agreed.at].protocol, codecs, keys, place, agreed.mux)
    direction = _DIRECTIONS[agreed.sends, agreed.hears]
    return _media(agreed.sections, agreed.at, [*audio, f"a={direction}"])


def first_offer(terms: Terms) -> Offer:
    """Everything that we can do."""
    clocks = dict.fromkeys(_CLOCKS[codec] for codec in terms.codecs)
    return Offer(
        codecs=tuple((codec, _OURS[codec]) for codec in terms.codecs),
        keys=tuple(Keys(_KEYS[clock], clock) for clock in clocks),
        protocol="RTP/SAVP" if terms.srtp == "required" else "RTP/AVP",
    )


def another_offer(agreed: Agreed) -> Offer:
    """Within a call: what holds, once more."""
    protocol = agreed.sections[agreed.at].protocol
    codecs = ((agreed.codec, agreed.payload_type),)
    return Offer(codecs, _listed(agreed.keys), protocol, agreed.sections, agreed.at)


def described(offer: Offer, place: Place) -> Iterator[str]:
    """The lines of its media."""
    audio = _audio(offer.protocol, offer.codecs, offer.keys, place, mux=True)
    return _media(offer.sections or (None,), offer.at, [*audio, "a=sendrecv"])


def accept(text: str, offer: Offer, terms: Terms) -> Agreed:
    """What an answer makes of our offer. Raises `SdpError`."""
    sections = sdp.parse(text)
    if len(sections) != len(offer.sections or (None,)):
        raise sdp.broken("The answer has not as many 'm=' lines as the offer.")
    if sections[offer.at].kind != "audio" or not sections[offer.at].port:
        raise SdpError("The answer refuses the audio.")
    codecs = dict(offer.codecs)
    theirs = _agreed(sections, offer.at, replace(terms, codecs=tuple(codecs)))
    keys = next((each for each in offer.keys if theirs.keys and each.clock == theirs.keys.clock), None)
    return replace(theirs, payload_type=codecs[theirs.codec], keys=keys)


def _agreed(sections: tuple[Section, ...], at: int, terms: Terms) -> Agreed:
    section = sections[at]
    crypto = _crypto(section, terms)
    codec, payload_type = _codec(section, terms)
    to = None if section.host is None else (section.host, section.port)
    mux = section.first("rtcp-mux") is not None
    direction = section.direction
    return Agreed(
        sections=sections,
        at=at,
        codec=codec,
        payload_type=payload_type,
        sends_as=payload_type,
        keys=_keys(section, codec),
        to=to,
        reports_to=to if mux else _reports_to(section, to),
        mux=mux,
        sends=direction in ("sendrecv", "recvonly") and to is not None,
        hears=direction in ("sendrecv", "sendonly"),
        crypto=crypto,
    )


def _cryptos(section: Section) -> list[Crypto]:
    parsed = (Crypto.parse(value) for value in section.all("crypto"))
    return [crypto for crypto in parsed if crypto is not None]


def _crypto(section: Section, terms: Terms) -> Crypto | None:
    """The other side's key; None for plain RTP. Raises `SdpError`."""
    if section.protocol not in _PLAIN + _SECURE:
        supported = ", ".join(_PLAIN + _SECURE)
        raise SdpError(f"The audio travels by '{section.protocol[:40]}'. Supported are {supported}.")
    secure = section.protocol in _SECURE
    if terms.srtp == "off":
        if secure:
            raise SdpError("SRTP is switched off here.")
        return None
    crypto = next(iter(_cryptos(section)), None)
    if crypto is None and secure:
        raise SdpError(f"No 'a=crypto' line has a suite that is supported: {', '.join(SUITES)}.")
    if crypto is None and terms.srtp == "required":
        raise SdpError("Calls must be encrypted here: RTP/SAVP with an 'a=crypto' line.")
    return crypto


def _payload_types(section: Section) -> Iterator[tuple[int, str]]:
    """The formats in their order, each with its `a=rtpmap`, or what its number stands for by itself."""
    maps: dict[str, str] = {}
    for value in section.all("rtpmap"):
        payload_type, _, rtpmap = value.partition(" ")
        maps.setdefault(payload_type, rtpmap.strip())
    static = {str(payload_type): rtpmap for rtpmap, payload_type in DESCRIBED.values()}
    for each in section.formats:
        if each.isascii() and each.isdecimal() and len(each) <= 3 and int(each) < 128:
            yield int(each), maps.get(each, static.get(each, ""))


def _codec(section: Section, terms: Terms) -> tuple[Codec, int]:
    """Opus if it is there, else the first. Raises `SdpError`."""
    found: list[tuple[Codec, int]] = [
        (codec, payload_type)
        for payload_type, rtpmap in _payload_types(section)
        for codec in terms.codecs
        if named(codec, rtpmap)
    ]
    if not found:
        had = ", ".join(rtpmap for _, rtpmap in _payload_types(section) if rtpmap) or "none by name"
        supported = ", ".join(DESCRIBED[codec][0] for codec in terms.codecs)
        raise SdpError(f"No codec in common: here are {supported}; offered are {had[:200]}.")
    return next((each for each in found if each[0] == "opus"), found[0])


def _keys(section: Section, codec: Codec) -> Keys | None:
    """On the clock of the audio, as they should be (RFC 4733 2.1), or else on any that we know."""
    found = [
        Keys(payload_type, clock)
        for payload_type, rtpmap in _payload_types(section)
        for clock in _KEYS
        if rtpmap.lower().removesuffix("/1") == f"telephone-event/{clock}"
    ]
    return next((each for each in found if each.clock == _CLOCKS[codec]), found[0] if found else None)


def _reports_to(section: Section, to: Address | None) -> Address | None:
    """As `a=rtcp` says (RFC 3605), or the next port. Raises `SdpError`."""
    port, _, place = (section.first("rtcp") or str(min(section.port + 1, 65_535))).partition(" ")
    host = sdp.host(place) if place else to and to[0]
    # A description on hold has no address for reports either, whatever it says.
    return None if to is None or host is None else (host, sdp.number(port, 65_535, "The port of 'a=rtcp'"))


def _media(sections: Sequence[Section | None], at: int, audio: Sequence[str]) -> Iterator[str]:
    """The lines of ours in their place; what is not served has port 0."""
    for index, section in enumerate(sections):
        if index == at:
            yield from audio
        elif section is not None:
            yield f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}"


def _audio(
    protocol: str, codecs: Sequence[tuple[Codec, int]], keys: Sequence[Keys], place: Place, mux: bool
) -> Iterator[str]:
    formats = [*(str(payload_type) for _, payload_type in codecs), *(str(each.payload_type) for each in keys)]
    yield f"m=audio {place.port} {protocol} {' '.join(formats)}"
    for codec, payload_type in codecs:
        yield f"a=rtpmap:{payload_type} {DESCRIBED[codec][0]}"
        if codec == "opus":
            yield f"a=fmtp:{payload_type} {OPUS_PARAMETERS}"
    for each in keys:
        yield f"a=rtpmap:{each.payload_type} telephone-event/{each.clock}"
        yield f"a=fmtp:{each.payload_type} 0-15"
    yield "a=ptime:20"
    if mux:
        yield "a=rtcp-mux"
    yield f"a=rtcp:{place.reports_port}"
    for crypto in place.keys:
        yield crypto.described()


def _listed(keys: Keys | None) -> tuple[Keys, ...]:
    return () if keys is None else (keys,)
