"""A note inside an XMP packet (ISO 16684-1), the one place for text that PNG, JPEG, WebP and TIFF all have.

The packet may also hold properties that other programs read: who made a photograph, when, with which camera. A note is
any text; what it says is not known here, nor are image files.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from impasto.errors import PictureError

__all__ = ["MAX_PACKET_BYTES", "packet", "properties", "read"]

MAX_PACKET_BYTES = 60_000
"""Length of a packet with its note; libvips leaves a longer one out of a JPEG file without a word."""

_OUR_NAMESPACE = "urn:impasto:1.0:"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
}
_CONTAINERS = {
    "dc:creator": ("<rdf:Seq><rdf:li>", "</rdf:li></rdf:Seq>"),
    "dc:rights": ('<rdf:Alt><rdf:li xml:lang="x-default">', "</rdf:li></rdf:Alt>"),
    "dc:description": ('<rdf:Alt><rdf:li xml:lang="x-default">', "</rdf:li></rdf:Alt>"),
}
"""The elements around the values of properties that are lists, or texts in several languages."""

_NO_PROPERTIES: Mapping[str, str] = MappingProxyType({})
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def packet(note: str | None, properties: Mapping[str, str] = _NO_PROPERTIES) -> bytes:
    """Return the packet that carries a note, and properties if it does not become too long.

    Args:
        note: Any text; None: there is none.
        properties: Texts by names such as `dc:rights`.

    Raises:
        PictureError: a text holds a character that XML cannot, or the packet would be over `MAX_PACKET_BYTES`.

    """
    texts = {"impasto:note": note, **properties}
    elements = "".join(_element(name, text) for name, text in texts.items() if text is not None)
    namespaces = {
        "impasto": _OUR_NAMESPACE,
        **{name: uri for name, uri in _NAMESPACES.items() if f"<{name}:" in elements},
    }
    declarations = "".join(f' xmlns:{name}="{uri}"' for name, uri in namespaces.items())
    data = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description rdf:about=""{declarations}>{elements}'
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()
    if len(data) > MAX_PACKET_BYTES and properties:
        return packet(note)
    if len(data) > MAX_PACKET_BYTES:
        raise PictureError(f"the note takes {len(data)} bytes as XMP; a file has room for {MAX_PACKET_BYTES}.")
    return data


def _element(name: str, text: str) -> str:
    """Write a property as an XML element, as a list where its readers want one."""
    match = _FORBIDDEN.search(text)
    if match:
        raise PictureError(f"the note holds the character {match[0]!r}, which XML has no way to write.")
    opening, closing = _CONTAINERS.get(name, ("", ""))
    content = escape(text, {"\r": "&#13;"})  # a reader of XML makes \n of a bare \r
    return f"<{name}>{opening}{content}{closing}</{name}>"


def read(packet_bytes: bytes) -> str | None:
    """Return our note from a packet, as an element or as the attribute other programs make of it, or None."""
    for node in _descriptions(packet_bytes):
        child = node.find(f"{{{_OUR_NAMESPACE}}}note")
        if child is not None:
            return child.text or ""
        if f"{{{_OUR_NAMESPACE}}}note" in node.attrib:
            return node.attrib[f"{{{_OUR_NAMESPACE}}}note"]
    return None


def properties(packet_bytes: bytes) -> Mapping[str, str]:
    """Return the properties of a packet, by names such as `dc:rights`; the items of a list are joined by semicolons."""
    names = {uri: name for name, uri in _NAMESPACES.items()}
    texts: dict[str, str] = {}
    for node in _descriptions(packet_bytes):
        for tag, text in [*node.attrib.items(), *((child.tag, _text(child)) for child in node)]:
            uri, _, name = tag.removeprefix("{").partition("}")
            if uri in names and text.strip():
                texts[f"{names[uri]}:{name}"] = " ".join(text.split())
    return texts


def _text(node: ET.Element) -> str:
    """Return the text of a property: its own, the items of a list, or the first of several languages."""
    items = [item.text or "" for item in node.iter(f"{{{_RDF}}}li")]
    if node.find(f"{{{_RDF}}}Alt") is not None:
        items = items[:1]
    return "; ".join(items) if items else node.text or ""


def _descriptions(packet_bytes: bytes) -> list[ET.Element]:
    """List the descriptions in a packet; none, if it is damaged."""
    try:
        text = packet_bytes.decode().strip("\0 \r\n\t\ufeff")
        if "<!DOCTYPE" in text:
            return []  # XMP has none; entities that expand without end need one
        root = ET.fromstring(text)  # noqa: S314 (no document type, no entity)
    except (ValueError, ET.ParseError):
        return []
    return list(root.iter(f"{{{_RDF}}}Description"))
