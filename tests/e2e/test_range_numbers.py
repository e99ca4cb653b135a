"""Ranges whose numbers are beyond all content, and beyond what a machine counts with: nobody gets a byte that is not of
the stored content. RFC 9110 §14.1.2; CVE-2017-7529."""

import email

import pytest
from scripted_origin import ok

CONTENT = bytes(number * 7 % 251 for number in range(1000))
SIZE = len(CONTENT)
WHOLE = (0, SIZE - 1)

TWO_63, TWO_64 = 1 << 63, 1 << 64

ROWS = {
    # one suffix
    f"-{SIZE}": [WHOLE],
    f"-{SIZE + 1}": [WHOLE],
    f"-{TWO_63 - 1}": [WHOLE],
    f"-{TWO_63}": [WHOLE],
    f"-{TWO_63 + SIZE}": [WHOLE],
    f"-{TWO_64 - 1}": [WHOLE],
    f"-{TWO_64}": [WHOLE],
    f"-{TWO_64 + 1}": [WHOLE],
    f"-{TWO_64 + SIZE // 2}": [WHOLE],
    f"-{10**40}": [WHOLE],
    "-0": 416,
    "-00000000000000000000000": 416,
    "-00000000000000000000005": [(995, 999)],
    # one range
    f"0-{SIZE}": [WHOLE],
    f"0-{TWO_63 - 1}": [WHOLE],
    f"0-{TWO_63}": [WHOLE],
    f"0-{TWO_64 - 1}": [WHOLE],
    f"0-{TWO_64}": [WHOLE],
    f"5-{TWO_64 + 4}": [(5, 999)],
    f"999-{10**40}": [(999, 999)],
    "00000000000000000000998-": [(998, 999)],
    f"{SIZE}-": 416,
    f"{SIZE}-{TWO_64}": 416,
    f"{TWO_63}-": 416,
    f"{TWO_64 - 1}-": 416,
    f"{TWO_64}-": 416,
    f"{TWO_64}-{TWO_64 + 5}": 416,
    f"{TWO_64 + 5}-{TWO_64 + 5}": 416,
    f"{TWO_64 - 1}-{TWO_64 - 1}": 416,
    # sums
    "-600,-600": [(400, 999)],
    f"-{SIZE},-{SIZE}": [WHOLE],
    f"-{SIZE + 605},-{TWO_63 - SIZE - 605}": [WHOLE],
    f"-{TWO_63},-{TWO_63}": [WHOLE],
    f"-{TWO_64 - 1},-1": [WHOLE],
    f"-{TWO_64 - 1},-{TWO_64 - 1},-2": [WHOLE],
    f"0-0,-{TWO_64}": [WHOLE],
    f"0-0,{TWO_64}-": [(0, 0)],
    f"0-0,-1,{TWO_63}-{TWO_64}": [(0, 0), (999, 999)],
    f"0-1,500-{TWO_64}": [(0, 1), (500, 999)],
    f"{TWO_64}-,{TWO_63}-,-0": 416,
    # no range at all: the field is ignored
    f"-{-TWO_63}": 200,
    f"{TWO_64}-0": 200,
    f"{TWO_63}-{TWO_63 - 1}": 200,
    f"0x{TWO_64:x}-": 200,
    f"+{TWO_64}-": 200,
    f"-{TWO_64}.0": 200,
    f"-{TWO_64}e9": 200,
    f"{TWO_64}": 200,
    f"0-1,{TWO_64}": 200,
}


def parts_of(answer):
    """[(Content-Range, bytes)] of a 206."""
    if answer["Content-Range"]:
        return [(answer["Content-Range"], answer.body)]
    message = email.message_from_bytes(f"Content-Type: {answer['Content-Type']}\r\n\r\n".encode() + answer.body)
    return [(part["Content-Range"], part.get_payload(decode=True)) for part in message.get_payload()]


@pytest.fixture(scope="module")
def origin(shared):
    return shared.scripted(ok(CONTENT, 'Cache-Control: max-age=300\r\nETag: "a"\r\nContent-Type: text/plain\r\n'))


@pytest.fixture(scope="module")
def weir(shared, origin):
    weir = shared.weir(origin)
    assert weir.get("/").cache == "MISS"
    return weir


@pytest.mark.parametrize("ranges", ROWS)
def test_a_range_of_what_is_stored(weir, origin, ranges):
    expected = ROWS[ranges]
    answer = weir.get("/", {"Range": f"bytes={ranges}"})
    if expected == 200:
        assert (answer.status, answer.cache, answer.body) == (200, "HIT", CONTENT)
    elif expected == 416:
        assert (answer.status, answer["Content-Range"]) == (416, f"bytes */{SIZE}")
        assert answer.body.startswith(b"416 ")
    else:
        assert (answer.status, answer.cache) == (206, "HIT")
        right = [(f"bytes {first}-{last}/{SIZE}", CONTENT[first : last + 1]) for first, last in expected]
        assert parts_of(answer) == right
    assert len(origin.requests) == 1
