"""/versioned/KEY of the origin stub: content that tells an old version, a mixed or truncated one, and another key's."""

import re
import zlib

HEAD = re.compile(rb"([^ \n]+) (\d+) (\d+) ([0-9a-f]{8})\n")
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
BYTES_PER_WORD = 10
MASK = (1 << 64) - 1


def version_in(body, key):
    """Which version this is. Fails where the body is another key's, or not whole and of one version."""
    head = HEAD.match(body)
    assert head, f"{key}: no content of a version: {body[:80]!r}"
    assert head[1].decode() == key, f"{key}: the content of {head[1]!r}"
    filler = memoryview(body)[head.end() :]
    assert len(filler) == int(head[3]), f"{key}: {len(filler)} of {head[3].decode()} bytes"
    assert zlib.crc32(filler) == int(head[4], 16), f"{key}: mixed content"
    return int(head[2])


def check_part(part, key, version, first, complete_length):
    """That these are the bytes from `first` on of that version, so far as they do not lie in its first line."""
    filler_length = complete_length - len(f"{key} {version}  12345678\n")
    filler_length -= next(digits for digits in range(1, 8) if len(str(filler_length - digits)) == digits)
    begin = complete_length - filler_length
    skipped = max(0, begin - first)
    expected = pattern(f"{key} {version}", first + skipped - begin, len(part) - skipped)
    assert bytes(part[skipped:]) == expected, f"{key}: other bytes than version {version} has from {first} on"


def pattern(key, offset, length):
    """As origin-stub/content.cpp makes it."""
    seed = 14695981039346656037
    for byte in key.encode():
        seed = (seed ^ byte) * 1099511628211 & MASK
    text = bytearray()
    for word in range(offset // BYTES_PER_WORD, (offset + max(0, length)) // BYTES_PER_WORD + 1):
        bits = _mixed((seed + word * 0x9E3779B97F4A7C15) & MASK)
        text += bytes(ALPHABET[bits >> 6 * i & 63] for i in range(BYTES_PER_WORD))
    skipped = offset % BYTES_PER_WORD
    return bytes(text[skipped : skipped + max(0, length)])


def _mixed(value):
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31
