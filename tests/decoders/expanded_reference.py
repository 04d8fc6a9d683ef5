"""Makes the expanded form of references, written from docs/formats/expanded-reference.md alone: a second maker of the format.

    python3 expanded_reference.py DIRECTORY

makes the form of each file in the directory with 64 MiB of plaintext allowed, and compares it with the line of `expected.txt`
there: `NAME STREAMS SHA256-OF-THE-FORM SHA256-OF-THE-MAP`. With `--write` it writes that file.
"""

import bz2
import hashlib
import lzma
import pathlib
import struct
import sys
import zlib

SHORTEST, NESTING, PATH = 64, 4, 256


class Stream:
    def __init__(self, start, end, path, plain, inner):
        self.start, self.end, self.path, self.plain, self.inner = start, end, path, plain, inner


class Budget:
    def __init__(self, length, expanded=64 << 20, depth=4, streams=1 << 20, version=1):
        self.expanded, self.depth, self.streams, self.vain = expanded, depth, streams, expanded + length
        self.version = version


# Of version 2: what a stream begins with, and how many bytes one of its bytes counts for where it is none.
PACKED = {b"\xfd7zXZ\0": 1 << 13, b"BZh": 1 << 20, b"\x28\xb5\x2f\xfd": 1 << 16}


def format_of(data):
    return next((magic for magic in PACKED if data.startswith(magic)), None)


def unpack(magic, data, limit):
    """What a stream of one of these formats gives, and its length; None where it is none or gives too much."""
    try:
        if magic == b"\x28\xb5\x2f\xfd":
            import zstandard

            stream = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
            plain, over = stream.decompress(data), stream.eof
        else:
            xz = magic != b"BZh"
            stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=72 << 20) if xz else bz2.BZ2Decompressor()
            plain, over = stream.decompress(data, limit + 1), stream.eof
            if not over and len(plain) <= limit:
                plain += stream.decompress(b"", limit + 1 - len(plain))
                over = stream.eof
    except (lzma.LZMAError, OSError, EOFError, RuntimeError):
        return None
    except Exception as error:
        if type(error).__name__ == "ZstdError":
            return None
        raise
    if len(plain) > limit or not over:
        return None
    return plain, len(data) - len(stream.unused_data)


def padding(magic, data):
    if magic == b"BZh":
        return 0
    if magic == b"\xfd7zXZ\0":
        return len(data) - len(data.lstrip(b"\0"))
    at = 0
    while at + 8 <= len(data) and data[at] & 0xF0 == 0x50 and data[at + 1 : at + 4] == b"\x2a\x4d\x18":
        length = struct.unpack_from("<I", data, at + 4)[0]
        if at + 8 + length > len(data):
            break
        at += 8 + length
    return at


def inflate(data, limit):
    """The plaintext of the stream at the start, and its length; None where it is none or gives too much."""
    stream = zlib.decompressobj(-15)
    try:
        plain = stream.decompress(data, limit + 1)
    except zlib.error:
        return None
    if len(plain) > limit or not stream.eof:
        return None
    return plain, len(data) - len(stream.unused_data)


class Search:
    def __init__(self, content, budget, depth):
        self.content, self.budget, self.depth, self.streams = content, budget, depth, []
        self.look(0, len(content), b"", 0)

    def look(self, start, end, path, nesting):
        if self.depth >= self.budget.depth or self.budget.streams == 0 or nesting > NESTING or end - start < SHORTEST:
            return
        part = self.content[start:end]
        if gzip_header(part):
            self.gzip(start, end, path)
        elif tar_header(part):
            self.tar(start, end, path, nesting)
        elif self.budget.version == 2 and part.startswith(b"!<arch>\n"):
            self.ar(start + 8, end, path, nesting)
        elif self.budget.version == 2 and format_of(part):
            self.packed(start, end, path, format_of(part))
        else:
            self.zip(start, part, path, nesting)

    def attempt(self, start, end, limit, exact, path, magic=None):
        budget = self.budget
        if budget.streams == 0 or budget.vain == 0:
            return None
        part = self.content[start:end]
        found = unpack(magic, part, limit) if magic else inflate(part, limit)
        waste = lambda count: setattr(budget, "vain", max(0, budget.vain - count))
        if found is None:
            waste(end - start + min(limit, PACKED.get(magic, 1032) * (end - start)))
            return None
        plain, length = found
        if exact is not None and (length, len(plain)) != (end - start, exact):
            waste(end - start + len(plain))
            return None
        if length < SHORTEST:
            waste(length + len(plain))
            return start + length
        budget.expanded -= len(plain)
        budget.streams -= 1
        inner = Search(plain, budget, self.depth + 1).streams
        self.streams.append(Stream(start, start + length, path, plain, inner))
        return start + length

    def exact(self, start, end, size, path):
        if end - start < SHORTEST or size > self.budget.expanded:
            return None
        return self.attempt(start, end, size, size, path)

    def gzip(self, at, end, path):
        while header := gzip_header(self.content[at:end]):
            length, name = header
            stop = self.attempt(at + length, end, self.budget.expanded, None, join(path, name))
            if stop is None:
                return
            at = min(stop + 8, end)
            while at < end and self.content[at] == 0:
                at += 1

    def ar(self, at, end, path, nesting):
        while at + 60 <= end:
            header, start = self.content[at : at + 60], at + 60
            digits = header[48:58].rstrip(b" \t\n\x0c\r")
            if header[58:] != b"`\n" or not digits.isdigit() or start + int(digits) > end:
                return
            name = header[:16].rstrip(b" \t\n\x0c\r").removesuffix(b"/")
            self.look(start, start + int(digits), join(path, name), nesting + 1)
            at = start + int(digits) + int(digits) % 2

    def packed(self, at, end, path, magic):
        while self.content.startswith(magic, at, end):
            stop = self.attempt(at, end, self.budget.expanded, None, path, magic)
            if stop is None:
                return
            at = stop + padding(magic, self.content[stop:end])

    def tar(self, at, end, path, nesting):
        name = size = None
        while at + 512 <= end:
            block = self.content[at : at + 512]
            if not any(block):
                at += 512
                continue
            header = tar_header(block)
            if not header:
                return
            own_size, own_name, kind = header
            start = at + 512
            more = kind == b"S" and block[482] != 0
            while more:
                if start + 504 >= end:
                    return
                more, start = self.content[start + 504] != 0, start + 512
            about = kind in (b"x", b"L", b"g", b"K")
            length = own_size if about else 0 if kind in b"123456" else own_size if size is None else size
            if start + length > end:
                return
            data = self.content[start : start + length]
            if kind == b"x":
                for key, value in pax(data):
                    if key == b"path":
                        name = value
                    if key == b"size":
                        size = int(value) if value.isdigit() and int(value) < 1 << 64 else None
            elif kind == b"L":
                name = data.split(b"\0")[0]
            elif not about:
                if kind in b"0\x007":
                    self.look(start, start + length, join(path, own_name if name is None else name), nesting + 1)
                name = size = None
            at = start + (length + 511) // 512 * 512

    def zip(self, base, archive, path, nesting):
        directory = zip_directory(archive)
        if directory is None:
            return self.scan(base, archive, path, nesting)
        start, entries = directory
        free = 0
        for entry in sorted(entries, key=lambda entry: entry[0]):
            header, flags, method, packed, size, name = entry
            local = local_header(archive[:start], header)
            if flags & 1 or header < free or not local or local[1] != method or local[3] + packed > start:
                continue
            data = base + local[3]
            if method == 0 and packed == size:
                self.look(data, data + packed, join(path, name), nesting + 1)
            elif method != 8 or self.exact(data, data + packed, size, join(path, name)) is None:
                continue
            free = local[3] + packed

    def scan(self, base, archive, path, nesting):
        if not archive.startswith(b"PK\3\4"):
            return
        at = 0
        while (at := archive.find(b"PK\3\4", at)) >= 0:
            at = self.member(base, archive, at, path, nesting) or at + 4

    def member(self, base, archive, at, path, nesting):
        local = local_header(archive, at)
        if not local or local[0] & 1:
            return None
        flags, method, sizes, data, name = local
        stop = None
        if method == 8 and sizes is None:
            stop = self.attempt(base + data, base + len(archive), self.budget.expanded, None, join(path, name))
        elif sizes and data + sizes[0] <= len(archive):
            stop = base + data + sizes[0]
            if method == 8:
                stop = self.exact(base + data, stop, sizes[1], join(path, name))
            elif method == 0 and sizes[0] == sizes[1]:
                self.look(base + data, stop, join(path, name), nesting + 1)
            else:
                stop = None
        return None if stop is None else stop - base


def join(path, name):
    name = name[-PATH:]
    return (path + b"\0" + name if path and name else path or name)[-PATH:]


def gzip_header(data):
    if data[:3] != b"\x1f\x8b\x08" or len(data) < 10 or data[3] & 0xE0:
        return None
    flags, at, name = data[3], 10, b""
    if flags & 4:
        if len(data) < at + 2:
            return None
        at += 2 + struct.unpack_from("<H", data, at)[0]
    for flag in (8, 16):
        if flags & flag:
            end = data.find(b"\0", at)
            if end < 0:
                return None
            name = data[at:end] if flag == 8 else name
            at = end + 1
    at += 2 if flags & 2 else 0
    return (at, name) if at <= len(data) else None


def number(field):
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big") if int.from_bytes(field[1:], "big") < 1 << 64 else None
    digits = field.lstrip(b" \t\n\f\r").replace(b" ", b"\0").split(b"\0")[0]
    if not all(digit in b"01234567" for digit in digits):
        return None
    return int(digits, 8) if digits else 0


def tar_header(data):
    """Size, name and type of the entry."""
    if len(data) < 512:
        return None
    block = data[:512]
    size, total = number(block[124:136]), number(block[148:156])
    blank = block[:148] + b" " * 8 + block[156:]
    signed = sum(blank) - 256 * sum(byte > 127 for byte in blank)
    if size is None or total is None or total not in (sum(blank), signed):
        return None
    name, prefix = block[:100].split(b"\0")[0], block[345:500].split(b"\0")[0]
    if block[257:263] == b"ustar\0" and prefix:
        name = prefix + b"/" + name
    return size, name, block[156:157]


def pax(data):
    while True:
        digits, blank, _ = data.partition(b" ")
        if not blank or len(digits) > 19 or not digits.isdigit():
            return
        length = int(digits)
        record = data[len(digits) + 1 : length]
        if length > len(data) or not record.endswith(b"\n"):
            return
        key, equals, value = record[:-1].partition(b"=")
        yield (key if equals else b""), value
        data = data[length:]


def zip_directory(archive):
    last = len(archive) - 22
    for end in range(last, max(last - 65535, 0) - 1, -1):
        if archive[end : end + 4] == b"PK\5\6":
            found = zip_end(archive, end)
            if found:
                start, stop, base = found
                return start, list(zip_entries(archive[start:stop], base))
    return None


def zip_end(archive, end):
    count, size, offset, comment = struct.unpack_from("<HIIH", archive, end + 10)
    if end + 22 + comment > len(archive):
        return None
    if count == 0xFFFF or size == 0xFFFFFFFF or offset == 0xFFFFFFFF:
        at = end - 76
        if at >= 0 and archive[end - 20 : end - 16] == b"PK\6\7" and archive[at : at + 4] == b"PK\6\6":
            found = zip_start(archive, at, *struct.unpack_from("<QQ", archive, at + 40))
            if found:
                return found
    return zip_start(archive, end, size, offset)


def zip_start(archive, end, size, offset):
    record = lambda at: archive[at : min(at + 4, end)] == b"PK\1\2"
    if size <= end and record(end - size) and end - size >= offset:
        return end - size, end, end - size - offset
    if offset + size <= end and record(offset):
        return offset, offset + size, 0
    return None


def zip_entries(directory, base):
    at = 0
    while directory[at : at + 4] == b"PK\1\2" and at + 46 <= len(directory):
        flags, method = struct.unpack_from("<HH", directory, at + 8)
        lengths = dict(zip(("packed", "size"), struct.unpack_from("<II", directory, at + 20)))
        names, extras, comments = struct.unpack_from("<HHH", directory, at + 28)
        lengths["header"] = struct.unpack_from("<I", directory, at + 42)[0]
        end = at + 46 + names + extras + comments
        if end > len(directory):
            return
        name, extra = directory[at + 46 :][:names], directory[at + 46 + names :][:extras]
        wide = zip64_field(extra)
        for key in ("size", "packed", "header"):
            if lengths[key] == 0xFFFFFFFF and len(wide) >= 8:
                lengths[key], wide = struct.unpack_from("<Q", wide)[0], wide[8:]
        yield base + lengths["header"], flags, method, lengths["packed"], lengths["size"], name
        at = end


def zip64_field(extra):
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if 4 + length > len(extra):
            break
        if kind == 1:
            return extra[4 : 4 + length]
        extra = extra[4 + length :]
    return b""


def local_header(archive, at):
    if archive[at : at + 4] != b"PK\3\4" or at + 30 > len(archive):
        return None
    flags, method = struct.unpack_from("<HH", archive, at + 6)
    packed, size, names, extras = struct.unpack_from("<IIHH", archive, at + 18)
    data = at + 30 + names + extras
    if data > len(archive):
        return None
    known = not flags & 8 and packed != 0xFFFFFFFF and size != 0xFFFFFFFF
    return flags, method, (packed, size) if known else None, data, archive[at + 30 : at + 30 + names]


def body(content, streams):
    out, at = [], 0
    for stream in streams:
        out += [content[at : stream.start], body(stream.plain, stream.inner)]
        at = stream.end
    return b"".join(out + [content[at:]])


def packed(content, streams):
    return b"".join(content[s.start : s.end] + packed(s.plain, s.inner) for s in streams)


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def entries(content, streams, depth=0):
    at = 0
    for stream in streams:
        compressed = content[stream.start : stream.end]
        yield depth, stream.start - at, len(compressed), len(stream.plain), stream.path, compressed
        at = stream.end
        yield from entries(stream.plain, stream.inner, depth + 1)


def form(content):
    """The number of streams, the form and its map."""
    streams = Search(content, Budget(len(content)), 0).streams
    listed = list(entries(content, streams))
    out, before = b"\1" + varint(len(content)) + varint(len(listed)), b""
    for depth, gap, length, plain, path, compressed in listed:
        shared = next((at for at, (a, b) in enumerate(zip(before, path)) if a != b), min(len(before), len(path)))
        out += b"".join(map(varint, (depth, gap, length, plain, shared, len(path) - shared)))
        out += path[shared:] + hashlib.sha256(compressed).digest()[:16]
        before = path
    return len(listed), body(content, streams) + packed(content, streams), out


def main():
    directory = pathlib.Path(sys.argv[1])
    lines = []
    for path in sorted(directory.iterdir()):
        if path.name != "expected.txt":
            count, made, index = form(path.read_bytes())
            digests = [hashlib.sha256(made).hexdigest(), hashlib.sha256(index).hexdigest()]
            lines.append(" ".join([path.name, str(count), *digests]))
    text = "\n".join(lines) + "\n"
    expected = directory / "expected.txt"
    if "--write" in sys.argv:
        expected.write_text(text)
    if text != expected.read_text():
        sys.exit(f"the forms differ:\n{text}")
    print(f"{len(lines)} references expanded")


if __name__ == "__main__":
    main()
