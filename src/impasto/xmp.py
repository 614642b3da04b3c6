"""A note inside an XMP packet (ISO 16684-1), the one place for text that PNG, JPEG, WebP and TIFF all have.

A note is any text; what it says is not known here, nor are image files.
"""

import re
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

__all__ = ["LONGEST", "packet", "read"]

LONGEST = 60_000
"""Bytes of a packet with its note; libvips leaves a longer one out of a JPEG file without a word."""

_NAMESPACE = "urn:impasto:1.0:"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def packet(note: str) -> bytes:
    """Return the packet that carries a note.

    Raises:
        ValueError: the note holds a character that XML cannot, or the packet would be over `LONGEST`.

    """
    found = _FORBIDDEN.search(note)
    if found:
        raise ValueError(f"the note holds the character {found[0]!r}, which XML has no way to write.")
    text = escape(note, {"\r": "&#13;"})  # a reader of XML makes \n of a bare \r
    written = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about="" xmlns:impasto="{_NAMESPACE}">'
        f"<impasto:note>{text}</impasto:note>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()
    if len(written) > LONGEST:
        raise ValueError(f"the note takes {len(written)} bytes as XMP; a file has room for {LONGEST}.")
    return written


def read(found: bytes) -> str | None:
    """Return our note from a packet, as an element or as the attribute other programs make of it, or None."""
    try:
        text = found.decode().strip("\0 \r\n\t\ufeff")
        if "<!DOCTYPE" in text:
            return None  # XMP has none; entities that expand without end need one
        root = ET.fromstring(text)  # noqa: S314 (no document type, no entity)
    except (ValueError, ET.ParseError):
        return None
    for node in root.iter(f"{{{_RDF}}}Description"):
        child = node.find(f"{{{_NAMESPACE}}}note")
        if child is not None:
            return child.text or ""
        if f"{{{_NAMESPACE}}}note" in node.attrib:
            return node.attrib[f"{{{_NAMESPACE}}}note"]
    return None
