"""The settings of what is heard and said in telephone calls."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

from msgspec import Meta

from vivavoce.config.section import Section


class SipMedia(Section, frozen=True, kw_only=True):
    """How the audio of telephone calls travels: RTP over UDP, two ports for each call."""

    ports: Annotated[
        Annotated[str, Meta(pattern="^[0-9]{1,5}-[0-9]{1,5}$")] | None,
        Meta(description="UDP ports, as 30000-30999: the even ones for audio, the odd ones for reports. Absent: any."),
    ] = None
    address: Annotated[
        str | None, Meta(description="IP address of this machine that audio uses. Absent: the one that fits each call.")
    ] = None
    codecs: Annotated[
        tuple[Literal["opus", "pcmu", "pcma"], ...],
        Meta(
            min_length=1,
            description="What may be spoken. Of those that a phone offers, Opus is taken, else its own first choice.",
        ),
    ] = ("opus", "pcmu", "pcma")
    srtp: Annotated[
        Literal["off", "allowed", "required"],
        Meta(description="Encryption with keys in the signalling (SDES), which is as secret as that: use TLS."),
    ] = "allowed"
    timeout_s: Annotated[
        float, Meta(ge=1, le=3600, description="A phone from which nothing comes for so long is gone. Not on hold.")
    ] = 30.0
    in_band_keys: Annotated[
        bool, Meta(description="Hear pressed keys in the audio of those phones that send no events (RFC 4733).")
    ] = False


def wrong_media(media: SipMedia) -> list[str]:
    """What is wrong with it."""
    problems: list[str] = []
    if media.ports is not None:
        first, last = port_range(media.ports)
        if not 1 <= first <= last <= 65_535 or first + first % 2 >= last:
            problems.append(f"sip.media.ports: {media.ports} holds no even port with the next one behind it.")
    if media.address is not None:
        try:
            ip_address(media.address)
        except ValueError:
            problems.append(f"sip.media.address: '{media.address}' is not an IP address.")
    return problems


def port_range(text: str) -> tuple[int, int]:
    """The first and the last port of `ports`."""
    first, _, last = text.partition("-")
    return int(first), int(last)
