"""What sipp says in the scenarios beside this file, where it is the same in several: sipp fills in the brackets."""

from __future__ import annotations

_DIALOG = """
      Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{branch}
      From: "sipp" <sip:sipp@[local_ip]:[local_port]>;tag=[pid]sipp[call_number]
      To: <sip:[service]@[remote_ip]:[remote_port]>{to}
      Call-ID: [call_id]
      CSeq: {number} {method}
      Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>
      Max-Forwards: 70
"""
_RESPONSE = """
  <send>
    <![CDATA[
      SIP/2.0 {status}
      [last_Via:]
      [last_From:]
      [last_To:]
      [last_Call-ID:]
      [last_CSeq:]
      Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>
      Content-Length: 0

    ]]>
  </send>"""
_SDP = """
      v=0
      o=sipp 1 {version} IN IP4 [local_ip]
      s=-
      c=IN IP4 [media_ip]
      t=0 0
      m=audio {port} RTP/AVP {codec} 96
      a=rtpmap:96 telephone-event/8000
      a=rtcp-mux
      a={direction}
"""
_TRANSFERRED = "Event: refer\nSubscription-State: terminated;reason=noresource\n"
PORTS = {"talk": "[field0]", "listen": "[field0]", "recording": "[rtpstream_audio_port]"}
"""Whose sockets the audio travels through: those of a list, sipp's for streams, or else its port for single packets."""


def _request(
    method: str, number: int, body: str = "", *, to: str = "[peer_tag_param]", more: str = "", branch: str = ""
) -> str:
    """What belongs to the transaction of an INVITE, its CANCEL and the ACK of a refusal, has its `branch`."""
    head = _DIALOG.format(to=to, number=number, method=method, branch=branch or f"{method}{number}")
    kind = "application/sdp" if body.lstrip().startswith("v=0") else "message/sipfrag;version=2.0"
    described = f"\n      Content-Type: {kind}\n" if body else "\n"
    retrans = "" if method == "ACK" else ' retrans="500"'
    lines = [
        f"{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0",
        *(line.strip() for line in f"{head}{more}{described}Content-Length: [len]".splitlines() if line.strip()),
        "",
        *(line.strip() for line in body.splitlines() if line.strip()),
    ]
    text = "\n".join(f"      {line}".rstrip() for line in lines)
    return f"<send{retrans}>\n    <![CDATA[\n{text}\n\n    ]]>\n  </send>"


def pieces(name: str, codec: int) -> dict[str, str]:
    """By the names that stand in braces in the scenario `name`. `codec` is the payload type that callers offer."""

    def sdp(version: int, direction: str = "sendrecv") -> str:
        port = PORTS.get(name, "[media_port]")
        return _SDP.format(version=version, port=port, codec=codec, direction=direction)

    return {
        "invite": _request("INVITE", 1, sdp(1), to=""),
        "invite_again": _request("INVITE", 2, sdp(1), to="", more="[authentication]\n"),
        "hold": _request("INVITE", 3, sdp(2, "sendonly")),
        "resume": _request("INVITE", 4, sdp(3)),
        **{f"ack_{number}": _request("ACK", number) for number in (1, 2, 3, 4)},
        **{f"ack_refusal_{number}": _request("ACK", number, branch=f"INVITE{number}") for number in (1, 2)},
        "cancel": _request("CANCEL", 1, to="", branch="INVITE1"),
        "notify": _request("NOTIFY", 5, "SIP/2.0 200 OK", more=_TRANSFERRED),
        "bye": _request("BYE", 6),
        "ok": _RESPONSE.format(status="200 OK").lstrip(),
        "accepted": _RESPONSE.format(status="202 Accepted").lstrip(),
    }
