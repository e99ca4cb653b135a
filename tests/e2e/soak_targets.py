"""What is asked for in a soak, and how the origin is told to answer."""

KIB = 1024
SIZES = {"empty": 0, "small": 1_000, "middle": 100 * KIB, "large": 1_500_000, "huge": 12_000_000}
CONTENTS = {f"{kind}-{number}": size for kind, size in SIZES.items() for number in range(3)}
VERSIONED = [f"a{number % 4}/k{number}" for number in range(24)]

KNOBS = [
    "cache_control=max-age=60",
    "cache_control=max-age=1",
    "cache_control=max-age=1,stale-while-revalidate=5&latency_ms=20",
    "cache_control=max-age=60&vary=X-Variant",
    "cache_control=max-age=60&chunked=1&drip_ms=100",
    "cache_control=max-age=60&trailers=1",
    "cache_control=no-store",
    "cache_control=no-store&chunked=1",
    "cache_control=private&interim=103",
    "cache_control=max-age=2&latency_ms=100",
    "cache_control=max-age=60&surplus=more&close=1",
    "cache_control=max-age=60&close=1",
]

ILL = ["reset=1", "hang=1", "garbage=1", "truncate=700", "truncate=700&chunked=1", "truncate=0", "status=500"]
OLD = "http10=1&cache_control=no-store"  # where its content ends cannot be told from where it broke off

MALFORMED = [
    (400, b"hello\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nColour : blue\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\r\nColour: bl\0ue\r\n\r\n"),
    (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    (400, b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    (400, b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
    (400, b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n"),
    (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"),
    (431, b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 200 + b"\r\n"),
    (431, b"GET / HTTP/1.1\r\nHost: a\r\nColour: " + b"b" * 40_000 + b"\r\n\r\n"),
]
