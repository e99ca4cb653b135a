"""An origin that cuts requests strictly, keeps their bytes, and answers each with its target."""

import re

from framing import Incomplete, Strict
from scripted_origin import ScriptedOrigin, ok

# What Weir adds to every request, in one place.
GENERATED = re.compile(
    rb"X-Forwarded-For: 127\.0\.0\.1\r\n"
    rb"X-Forwarded-Proto: http\r\n"
    rb"X-Forwarded-Host: [^\r\n]+\r\n"
    rb"X-Request-Id: [0-9a-f]{32}\r\n"
    rb"Via: 1\.[01] weir\r\n"
)


def masked(data):
    """With a line `(ours)` for what Weir generates."""
    return GENERATED.sub(b"(ours)\r\n", data)


class RecordingOrigin(ScriptedOrigin):
    def __init__(self, fields="Cache-Control: no-store\r\n"):
        super().__init__(self._record)
        self.fields = fields  # of its answers
        self.unfinished = {}  # {number of the connection: bytes of the message that is coming}
        self.messages = []  # (number of the connection, bytes); the last of a connection may be incomplete

    def take(self):
        """What came since the last time."""
        taken, self.messages = self.messages, []
        return taken

    def _record(self, _, peer):
        received = b""
        while True:
            try:
                message = Strict().message(received, 0)
            except Incomplete:
                more = peer.some()
                if not more:
                    break
                received += more
                self.unfinished[peer.number] = received
                continue
            self.messages.append((peer.number, received[: message.end]))
            received = received[message.end :]
            self.unfinished[peer.number] = received
            method, target = message.request_line.split(b" ")[:2]
            answer = ok(target, self.fields)
            peer.send(answer.removesuffix(target) if method == b"HEAD" else answer)
        self.unfinished.pop(peer.number, None)
        if received:
            self.messages.append((peer.number, received))
