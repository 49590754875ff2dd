"""The offer of a caller and the answer to it: session descriptions (RFC 8866, RFC 9429, RFC 8843).

Nothing is trickled: the offer may come without candidates, since browsers may send it at once, and the answer has all
of ours (PROTOCOL.md 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from vivavoce.protocol.errors import ProtocolError
from vivavoce.transports.rtp.codecs import DESCRIBED, OPUS_PARAMETERS, Codec, named

SCTP_PORT = 5000
MAX_MESSAGE_BYTES = 262_144
"""Of one message on the data channel that we take: what the SCTP in use can put together."""
DEFAULT_MESSAGE_BYTES = 65_536
"""What a peer takes that does not say (RFC 8841 6.1)."""

_FINGERPRINTS = ("sha-256", "sha-384", "sha-512")
_LONGEST_CREDENTIAL = 256
"""Characters (RFC 8839 5.4)."""
_MOST_CANDIDATES = 32
_MOST_SECTIONS = 32


@dataclass(frozen=True, slots=True)
class Audio:
    """How the audio travels. `payload_type` is the one of the offer."""

    codec: Codec
    payload_type: int
    sends: bool
    """The caller has a microphone."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """By which a side is known: of ICE, and of its certificate (algorithm and digest of each fingerprint)."""

    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Section:
    """The lines of one `m=`, or what is before the first one. `mid` names it."""

    kind: str
    protocol: str
    formats: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.attributes if each == name]

    def first(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    @property
    def mid(self) -> str:
        return self.first("mid") or ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a caller wants, and where the answer must fit."""

    audio: Audio
    remote: Credentials
    candidates: tuple[str, ...]
    """Each as in `a=candidate:`, what stands after the colon."""
    lite: bool
    """The caller only answers connectivity checks (RFC 8445 2.5)."""
    active: bool
    """The caller begins the DTLS handshake; else we do."""
    sctp_port: int
    most_bytes: int
    """Of one message on the data channel that the caller takes; 0: of any length."""
    sections: tuple[_Section, ...]
    audio_at: int
    data_at: int

    @staticmethod
    def parse(text: str) -> Offer:
        """Raises `ProtocolError` (`invalid_offer`, param `sdp`)."""
        session, sections = _sections(text)
        bundle = _bundle(session)
        audio_at = _find(sections, "audio", bundle)
        data_at = _find(sections, "application", bundle)
        audio, data = sections[audio_at], sections[data_at]
        if "rtcp-mux" not in dict(audio.attributes):
            raise _refused("The audio line has no 'a=rtcp-mux': RTP and RTCP must share one port.")
        if data.protocol not in ("UDP/DTLS/SCTP", "TCP/DTLS/SCTP"):
            raise _refused(f"The protocol of the data channel's line is '{data.protocol}', and not 'UDP/DTLS/SCTP'.")
        # What is bundled goes the way of the section that is named first (RFC 8843 7.2).
        leading = next(each for each in sections if each.mid == bundle[0])
        setup = leading.first("setup") or session.first("setup") or "actpass"
        return Offer(
            audio=_audio(audio),
            remote=_credentials(leading, session),
            candidates=tuple(leading.all("candidate")[:_MOST_CANDIDATES]),
            lite=session.first("ice-lite") is not None,
            active=setup == "active",
            sctp_port=_number(data, "sctp-port", SCTP_PORT, 65_535),
            most_bytes=_number(data, "max-message-size", DEFAULT_MESSAGE_BYTES, 2**63),
            sections=sections,
            audio_at=audio_at,
            data_at=data_at,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What we say to an offer. `candidates` as there; `ssrc` and `cname` are of our audio."""

    local: Credentials
    candidates: Sequence[str]
    ssrc: int
    cname: str

    def to(self, offer: Offer) -> str:
        """The answer's text; lines of the offer that are not served have port 0."""
        served = [offer.sections[at].mid for at in sorted((offer.audio_at, offer.data_at))]
        lines = [
            "v=0",
            f"o=- {self.ssrc} 2 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            f"a=group:BUNDLE {' '.join(served)}",
            "a=msid-semantic:WMS *",
        ]
        for at, section in enumerate(offer.sections):
            if at == offer.audio_at:
                lines += [*self._audio(offer, section.protocol), f"a=mid:{section.mid}", *self._transport(offer)]
            elif at == offer.data_at:
                lines += [*self._data(section.protocol), f"a=mid:{section.mid}", *self._transport(offer)]
            else:
                lines += [f"m={section.kind} 0 {section.protocol} {' '.join(section.formats)}", "c=IN IP4 0.0.0.0"]
                lines += [f"a=mid:{section.mid}"] if section.mid else []
                lines += ["a=inactive"]
        return "\r\n".join([*lines, ""])

    def _audio(self, offer: Offer, protocol: str) -> Iterator[str]:
        audio = offer.audio
        described, _ = DESCRIBED[audio.codec]
        yield f"m=audio 9 {protocol} {audio.payload_type}"
        yield "c=IN IP4 0.0.0.0"
        yield "a=rtcp:9 IN IP4 0.0.0.0"
        yield "a=rtcp-mux"
        yield "a=sendrecv" if audio.sends else "a=sendonly"
        yield f"a=rtpmap:{audio.payload_type} {described}"
        if audio.codec == "opus":
            yield f"a=fmtp:{audio.payload_type} {OPUS_PARAMETERS}"
        yield f"a=msid:{self.cname} {self.cname}"
        yield f"a=ssrc:{self.ssrc} cname:{self.cname}"

    def _data(self, protocol: str) -> Iterator[str]:
        yield f"m=application 9 {protocol} webrtc-datachannel"
        yield "c=IN IP4 0.0.0.0"
        yield f"a=sctp-port:{SCTP_PORT}"
        yield f"a=max-message-size:{MAX_MESSAGE_BYTES}"

    def _transport(self, offer: Offer) -> Iterator[str]:
        for candidate in self.candidates:
            yield f"a=candidate:{candidate}"
        yield "a=end-of-candidates"
        yield f"a=ice-ufrag:{self.local.ufrag}"
        yield f"a=ice-pwd:{self.local.password}"
        for algorithm, digest in self.local.fingerprints:
            yield f"a=fingerprint:{algorithm} {digest}"
        yield f"a=setup:{'passive' if offer.active else 'active'}"


def _refused(message: str) -> ProtocolError:
    return ProtocolError("invalid_offer", message, param="sdp")


def _sections(text: str) -> tuple[_Section, tuple[_Section, ...]]:
    """What stands before the first `m=`, and one section for each of them."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != "v=0":
        raise _refused("This is not an SDP offer: its first line must be 'v=0'.")
    starts = [at for at, line in enumerate(lines) if line.startswith("m=")]
    if len(starts) > _MOST_SECTIONS:
        raise _refused(f"The offer has {len(starts)} 'm=' lines; at most {_MOST_SECTIONS} are read.")
    starts.append(len(lines))
    session = _Section("", "", (), tuple(_attributes(lines[: starts[0]])))
    media = []
    for start, end in pairwise(starts):
        kind, _, rest = lines[start].removeprefix("m=").partition(" ")
        _, _, rest = rest.partition(" ")  # the port: where it would be without ICE
        protocol, *formats = rest.split() or [""]
        if not kind or not formats:
            raise _refused(f"This line cannot be read: '{lines[start][:80]}'.")
        media.append(_Section(kind, protocol, tuple(formats), tuple(_attributes(lines[start + 1 : end]))))
    return session, tuple(media)


def _attributes(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line.startswith("a="):
            name, _, value = line.removeprefix("a=").partition(":")
            yield name, value


def _bundle(session: _Section) -> list[str]:
    groups = [group.split() for group in session.all("group")]
    mids = next((group[1:] for group in groups if group[:1] == ["BUNDLE"]), [])
    if not mids:
        raise _refused("The offer has no 'a=group:BUNDLE': audio and data channel must share one transport.")
    return mids


def _find(sections: Sequence[_Section], kind: Literal["audio", "application"], bundle: Sequence[str]) -> int:
    found = next((at for at, each in enumerate(sections) if each.kind == kind and each.mid in bundle), None)
    if found is not None:
        return found
    if kind == "audio":
        raise _refused("The offer has no bundled audio line: add a microphone track, or an audio transceiver.")
    raise _refused("The offer has no bundled data channel: create one called 'oai-events' before the offer.")


def _audio(section: _Section) -> Audio:
    types = {}
    for value in section.all("rtpmap"):
        payload_type, _, name = value.partition(" ")
        types[payload_type] = name.strip().lower()
    directions = [name for name, _ in section.attributes if name in ("sendrecv", "recvonly", "sendonly", "inactive")]
    direction = directions[0] if directions else "sendrecv"
    if direction in ("sendonly", "inactive"):
        raise _refused(f"The audio line is '{direction}', so the caller would hear nothing: 'sendrecv' or 'recvonly'.")
    for codec, (described, static) in DESCRIBED.items():
        for each in section.formats:
            rtpmap = types.get(each, described if each == str(static) else "")
            if named(codec, rtpmap) and each.isascii() and each.isdecimal() and int(each) < 128:
                return Audio(codec, int(each), sends=direction == "sendrecv")
    offered = ", ".join(sorted(set(types.values()))) or "none"
    raise _refused(f"None of the offered audio codecs is supported ({offered[:200]}). Supported: opus, PCMU and PCMA.")


def _credentials(leading: _Section, session: _Section) -> Credentials:
    ufrag = leading.first("ice-ufrag") or session.first("ice-ufrag")
    password = leading.first("ice-pwd") or session.first("ice-pwd")
    if not ufrag or not password or max(len(ufrag), len(password)) > _LONGEST_CREDENTIAL:
        raise _refused("The offer has no 'a=ice-ufrag' or no 'a=ice-pwd', or one that is too long.")
    given = [value.split() for value in leading.all("fingerprint") or session.all("fingerprint")]
    fingerprints = tuple((each[0].lower(), each[1]) for each in given if len(each) == 2)
    if not any(algorithm in _FINGERPRINTS for algorithm, _ in fingerprints):
        raise _refused(f"The offer has no 'a=fingerprint' of a known kind: {', '.join(_FINGERPRINTS)}.")
    return Credentials(ufrag, password, fingerprints)


def _number(section: _Section, name: str, default: int, most: int) -> int:
    value = section.first(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdecimal() and len(value) < 20 and int(value) <= most):
        raise _refused(f"'a={name}' is '{value[:40]}', which is not a number that it can have.")
    return int(value)
