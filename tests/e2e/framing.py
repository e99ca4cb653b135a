"""How readers of HTTP/1 cut a stream of requests into messages: one by RFC 9112, and others that are lenient, each in a
way that real ones are. Where two of them see different messages in the same bytes, requests can be smuggled."""

import re
from typing import NamedTuple


class Incomplete(Exception):
    """The stream ends within a message."""


class Malformed(Exception):
    """No reader of this kind goes on."""


class Message(NamedTuple):
    request_line: bytes
    content: bytes
    end: int  # in the stream
    closes: bool  # nothing behind it is a request. RFC 9112 §9.6


class Strict:
    """By RFC 9112 alone."""

    sees_all_content = True

    def line(self, stream, at):
        end = stream.find(b"\r\n", at)
        if end < 0:
            raise Incomplete
        return stream[at:end], end + 2

    def is_blank(self, line):
        return not line

    def name(self, text):
        return text.lower()

    def value(self, text):
        return text.strip(b" \t")

    def fields(self, stream, at):
        """[(name, value)] and where they end."""
        fields = []
        while True:
            line, at = self.line(stream, at)
            if self.is_blank(line):
                return fields, at
            name, colon, value = line.partition(b":")
            if not colon:
                self.no_field(line)
            fields.append((self.name(name), self.value(value)))

    def no_field(self, line):
        raise Malformed(line)

    def length(self, values):
        if any(not re.fullmatch(rb"[0-9]+", value) for value in values) or len(set(values)) > 1:
            raise Malformed(values)
        return int(values[0])

    def is_chunked(self, values):
        if values and [value.lower() for value in values] != [b"chunked"]:
            raise Malformed(values)
        return bool(values)

    def framing(self, request_line, lengths, codings):
        """Chunked, or how many bytes."""
        if lengths and codings:
            raise Malformed("two framings")
        return "chunked" if self.is_chunked(codings) else self.length(lengths) if lengths else 0

    def chunk_size(self, line):
        size = line.partition(b";")[0].rstrip(b" \t")
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", size):
            raise Malformed(line)
        return int(size, 16)

    def bytes_of(self, stream, at, size):
        if at + size > len(stream):
            raise Incomplete
        return stream[at : at + size], at + size

    def chunks(self, stream, at):
        content = b""
        while True:
            line, at = self.line(stream, at)
            size = self.chunk_size(line)
            if size == 0:
                return content, self.fields(stream, at)[1]
            chunk, at = self.bytes_of(stream, at, size)
            content += chunk
            end, at = self.line(stream, at)
            if end:
                raise Malformed(end)

    def message(self, stream, at):
        request_line, at = self.line(stream, at)
        fields, at = self.fields(stream, at)
        lengths = [value for name, value in fields if name == b"content-length"]
        codings = [value for name, value in fields if name == b"transfer-encoding"]
        framing = self.framing(request_line, lengths, codings)
        if framing == "chunked":
            content, at = self.chunks(stream, at)
        else:
            content, at = self.bytes_of(stream, at, framing)
        options = [option.strip().lower() for name, value in fields if name == b"connection" for option in value.split(b",")]
        return Message(bytes(request_line), bytes(content), at, b"close" in options)

    def cut(self, stream):
        """All whole messages."""
        messages, at = [], 0
        try:
            while at < len(stream) and not (messages and messages[-1].closes):
                messages.append(self.message(stream, at))
                at = messages[-1].end
        except Incomplete:
            pass
        return messages


class EndsLinesAtLf(Strict):
    def line(self, stream, at):
        end = stream.find(b"\n", at)
        if end < 0:
            raise Incomplete
        return stream[at:end].removesuffix(b"\r"), end + 1


class EndsLinesAtCr(Strict):
    def line(self, stream, at):
        end = re.compile(rb"\r\n|\r|\n").search(stream, at)
        if not end:
            raise Incomplete
        return stream[at : end.start()], end.end()


class SkipsEmptyLinesBeforeARequest(Strict):
    def message(self, stream, at):
        while stream[at : at + 2] == b"\r\n":
            at += 2
        return super().message(stream, at)


class TakesWhiteSpaceForAnEmptyLine(Strict):
    def is_blank(self, line):
        return not line.strip()


class Unfolds(Strict):
    def line(self, stream, at):
        line, at = super().line(stream, at)
        while line and stream[at : at + 1] in (b" ", b"\t"):
            more, at = super().line(stream, at)
            line += b" " + more.strip()
        return line, at


class SkipsWhatIsNoField(Strict):
    def no_field(self, line):
        pass


class TrimsNames(Strict):
    def name(self, text):
        return re.sub(rb"[^a-z0-9_-]", b"", text.lower())


class TakesUnderscoresForDashes(Strict):
    """As whoever hands fields on in environment variables."""

    def name(self, text):
        return text.lower().replace(b"_", b"-")


class TrimsMoreThanWhiteSpace(Strict):
    def value(self, text):
        return text.strip(bytes(range(0x21)) + b"\x7f\x85\xa0")


class EndsValuesAtNul(Strict):
    def value(self, text):
        return super().value(text.partition(b"\0")[0])


class PrefersLength(Strict):
    def framing(self, request_line, lengths, codings):
        return super().framing(request_line, lengths, [] if lengths else codings)


class PrefersCoding(Strict):
    def framing(self, request_line, lengths, codings):
        return super().framing(request_line, [] if codings else lengths, codings)

    def is_chunked(self, values):
        return any(b"chunked" in value.lower() for value in values)


class TakesTheFirstLength(Strict):
    def length(self, values):
        return int(re.match(rb"[ +]*([0-9]*)", values[0])[1] or b"0")


class TakesTheLastLength(Strict):
    def length(self, values):
        return int(re.search(rb"([0-9]*)[^0-9]*$", values[-1])[1] or b"0")


class ReadsSizesLikeStrtol(Strict):
    """White space, sign, 0x; up to what is no digit; in 32 bits."""

    def chunk_size(self, line):
        sign, digits = re.match(rb"\s*([+-]?)(?:0[xX])?([0-9A-Fa-f]*)", line).groups()
        return int(sign + (digits or b"0"), 16) % (1 << 32)


class ReadsExtensionsForLines(Strict):
    """A chunk's line ends at the first LF, whatever is quoted there."""

    def chunks(self, stream, at):
        return EndsLinesAtLf.chunks(EndsLinesAtLf(), stream, at)


class IgnoresContentOfGet(Strict):
    """Content there has no defined meaning. RFC 9110 §9.3.1"""

    sees_all_content = False

    def framing(self, request_line, lengths, codings):
        if re.match(rb"(?:GET|HEAD|DELETE|OPTIONS|TRACE) ", request_line):
            return 0
        return super().framing(request_line, lengths, codings)


LENIENT = [model for model in Strict.__subclasses__()]
