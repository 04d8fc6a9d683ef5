"""Reads deltas `dgd1`, written from docs/formats/{dgd1,expanded-reference,deflate-tokens,guided-streams}.md alone: a second reader.

    python3 dgd1.py DIRECTORY

gives the target of every `NAME.delta` there, or `NAME.N.delta`, from `NAME.reference`, and compares it with `NAME.target`. Then
it damages each in many ways, all of which have to be found. Needs `zstandard`. Of the encoders that may make a stream it has
zlib; the vectors of the others are those called `encoder-*`. Of the packers it has libbz2, liblzma without blocks, and libzstd
where that is the version which the packer's number stands for; vectors of others are called `second-*`.
"""

import bz2
import hashlib
import lzma
import pathlib
import random
import struct
import sys
import zlib

import zstandard

import deflate_tokens
import guided_streams
from deflate_tokens import Bytes, Damaged, Unsupported, check
from expanded_reference import Budget, Search, body, packed

MIB = 1 << 20
HEADER, MAGIC, VERSIONS = 104, b"DGD1", (1, 2)
MAX_DIRECTORY, MAX_FRAME, MAX_PREFIX, MAX_NESTING = 256 * MIB, 64 * MIB, 1024 * MIB, 8
PLAIN, COPY, STREAM = 0, 1, 2
ENCODER, TOKENS, GUIDED, PACKED = 1, 2, 3, 4
XZ, BZIP2, ZSTD = 1, 2, 3
MAX_SETTINGS = 8
ENCODERS = {1: "zlib", 2: "Chromium's zlib", 3: "zlib-rs", 4: "miniz_oxide", 5: "GNU gzip"}
MEMORY = 1024 * MIB  # for the plaintext of one stream
MUTATIONS = 200  # of every kind


class Reference:
    def __init__(self, content, version=1):
        self.length, self.sha256 = len(content), hashlib.sha256(content).digest()
        limit = min(32 * len(content) + 64 * MIB, 2048 * MIB)
        self.content, self.later = content, None
        found = Search(content, Budget(len(content), expanded=limit, version=version), 0).streams
        self.form = body(content, found) + packed(content, found)
        self.streams, self.tokens = list(compressed(content, found)), {}

    def second(self):
        """The reference in its form of version 2."""
        self.later = self.later or Reference(self.content, 2)
        return self.later

    def tokens_of(self, number):
        if number not in self.tokens:
            self.tokens[number] = deflate_tokens.tokens_of(self.streams[number])
        return self.tokens[number]

    def stream(self, number):
        """The tokens and the plaintext of a stream."""
        check(number < len(self.streams), "a stream that the reference has not")
        tokens = self.tokens_of(number)
        return tokens, zlib.decompress(self.streams[number], -15)


def compressed(content, streams):
    for stream in streams:
        yield content[stream.start : stream.end]
        yield from compressed(stream.plain, stream.inner)


class Header:
    def __init__(self, delta):
        check(len(delta) >= HEADER, "it is shorter than a header")
        check(delta[:4] == MAGIC, "the magic number")
        check(hashlib.sha256(delta[:96]).digest()[:8] == delta[96:HEADER], "the digest of the header")
        self.version = delta[4]
        if self.version > max(VERSIONS):
            raise Unsupported(f"version {self.version}")
        check(self.version in VERSIONS and delta[5:8] == bytes(3), "version or reserved")
        self.reference_length, self.target_length = struct.unpack_from("<QQ", delta, 8)
        self.reference_sha256, self.target_sha256 = delta[24:56], delta[56:88]
        self.directory_packed, self.directory_length = struct.unpack_from("<II", delta, 88)
        check(self.directory_length <= MAX_DIRECTORY, "the length of the directory")
        check(self.directory_packed <= self.directory_length + 1024, "the length of the directory as it stands")


class Part:
    def __init__(self, kind, length, start=None, how=None, taken=None, parts=None):
        self.kind, self.length, self.start = kind, length, start
        self.how, self.taken, self.parts = how, taken, parts


class Frame:
    def __init__(self, length, packed, ranges):
        self.length, self.packed, self.ranges = length, packed, ranges


class Directory:
    def __init__(self, data, version):
        self.data, self.copied, self.version = Bytes(data), 0, version
        self.form = (self.number(), self.number()) if version == 2 else None
        self.parts = self.read_parts(0)
        self.side, self.body = self.read_frames(), self.read_frames()
        check(self.data.done(), "something follows the directory")

    def number(self):
        return self.data.varint(64)

    def read_parts(self, nesting):
        check(nesting <= MAX_NESTING, "streams lie too deep in one another")
        return [self.read_part(nesting) for _ in range(self.number())]

    def read_part(self, nesting):
        first = self.number()
        kind, length = first & 3, first >> 2
        check(kind <= STREAM, "a kind of part")
        if kind == PLAIN:
            return Part(kind, length)
        if kind == COPY:
            distance = self.number()
            start = self.copied + (-(distance + 1) // 2 if distance & 1 else distance // 2)
            check(start >= 0, "a copy from before the form")
            self.copied = start + length
            return Part(kind, length, start=start)
        how = self.number()
        if how == PACKED and self.version == 2:
            taken = self.number(), self.read_settings()
        else:
            taken = self.number()
        return Part(kind, length, how=how, taken=taken, parts=self.read_parts(nesting + 1))

    def read_settings(self):
        count = self.number()
        check(count <= MAX_SETTINGS, "the settings of a packer")
        return [self.number() for _ in range(count)]

    def read_frames(self):
        return [self.read_frame() for _ in range(self.number())]

    def read_frame(self):
        length, packed, ranges, at = self.number(), self.number(), [], 0
        check(1 <= length <= MAX_FRAME and packed <= compress_bound(length), "the lengths of a frame")
        for _ in range(self.number()):
            start = at + self.number()
            at = start + self.number()
            ranges.append((start, at))
        return Frame(length, packed, ranges)


def compress_bound(length):
    """`ZSTD_compressBound`."""
    return length + (length >> 8) + max(0, (128 << 10) - length >> 11)


def unpack(frame, length, prefix=b""):
    """What a zstd frame gives, which is as much as it and the directory say."""
    try:
        about = zstandard.get_frame_parameters(frame)
        check(about.content_size == length and about.has_checksum, "the header of a zstd frame")
        dictionary = zstandard.ZstdCompressionDict(prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if prefix else None
        decompressor = zstandard.ZstdDecompressor(dict_data=dictionary, max_window_size=1 << 31)
        content = decompressor.decompress(frame, max_output_size=length, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(f"a zstd frame: {error}") from None
    check(len(content) == length, "the length of what a zstd frame gives")
    return content


class Opened:
    """A delta whose directory and frames are unpacked."""

    def __init__(self, reference, delta):
        self.reference, self.header, self.made, data = reference, Header(delta), [], Bytes(delta)
        check(self.header.reference_length == reference.length, "the length of the reference")
        check(self.header.reference_sha256 == reference.sha256, "another reference")
        if self.header.version == 2:
            self.reference = reference.second()
        data.take(HEADER)
        self.packed_directory = data.take(self.header.directory_packed)
        self.packed_frames = data.take(len(delta) - data.at)
        self.set_directory(unpack(self.packed_directory, self.header.directory_length))

    def set_directory(self, raw):
        self.raw_directory, self.directory = raw, Directory(raw, self.header.version)
        if self.directory.form:
            form, streams = self.directory.form
            check((form, streams) == (len(self.reference.form), len(self.reference.streams)), "another form")
        frames = Bytes(self.packed_frames)
        self.side = b"".join(self.unpack(frame, frames, self.token_prefix) for frame in self.directory.side)
        self.body = b"".join(self.unpack(frame, frames, self.form_prefix) for frame in self.directory.body)
        check(frames.done(), "something follows the last frame")

    def unpack(self, frame, frames, prefix):
        return unpack(frames.take(frame.packed), frame.length, prefix(frame.ranges))

    def token_prefix(self, ranges):
        reference = self.reference
        check(all(end <= len(reference.streams) for _, end in ranges), "a stream that the reference has not")
        return within(b"".join(reference.tokens_of(number) for start, end in ranges for number in range(start, end)))

    def form_prefix(self, ranges):
        form = self.reference.form
        check(all(end <= len(form) for _, end in ranges), "a range behind the form")
        return within(b"".join(form[start:end] for start, end in ranges))

    def target(self):
        body, side = Bytes(self.body), Bytes(self.side)
        check(sum(part.length for part in self.directory.parts) == self.header.target_length, "the length of the target")
        target = b"".join(self.part(part, body, side) for part in self.directory.parts)
        check(body.done() and side.done(), "the parts take less than there is")
        check(hashlib.sha256(target).digest() == self.header.target_sha256, "the digest of the target")
        return target

    def part(self, part, body, side):
        if part.kind == PLAIN:
            return body.take(part.length)
        if part.kind == COPY:
            check(part.start + part.length <= len(self.reference.form), "a copy behind the form")
            return self.reference.form[part.start : part.start + part.length]
        check(sum(inner.length for inner in part.parts) <= MEMORY, "a stream needs too much memory")
        plaintext = b"".join(self.part(inner, body, side) for inner in part.parts)
        taken = part.taken if isinstance(part.taken, tuple) else side.take(part.taken)
        check(part.how in (ENCODER, TOKENS, GUIDED) or isinstance(taken, tuple), "how a stream is made")
        if part.how == PACKED:
            made = packed_by(plaintext, *taken)
        elif part.how == GUIDED:
            made = guided_streams.stream_of(plaintext, taken, self.reference.stream)
        else:
            made = encoded(plaintext, taken) if part.how == ENCODER else deflate_tokens.stream_of(plaintext, taken)
        check(len(made) == part.length, "the length of a stream")
        self.made.append((part.how, made, taken))
        return made


def within(prefix):
    check(len(prefix) <= MAX_PREFIX, "a prefix is too long")
    return prefix


def encoded(plaintext, side):
    check(len(side) == 4, "the side of an encoder")
    encoder, level, memory, strategy = side
    check(encoder in ENCODERS, "an encoder")
    check(1 <= level <= (10 if encoder == 4 else 9), "a level")
    check(memory == 0 if encoder == 4 else memory == 8 if encoder == 5 else 1 <= memory <= 9, "a memory level")
    check(strategy <= 4 if encoder in (1, 2) else strategy == 0, "a strategy")
    # zlib-ng may stand in zlib's place, and gives other bytes.
    if encoder != 1 or "ng" in zlib.ZLIB_RUNTIME_VERSION:
        raise Unsupported(ENCODERS[encoder])
    stream = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
    return stream.compress(plaintext) + stream.flush()


def packed_by(content, packer, settings):
    if packer == BZIP2:
        check(len(settings) == 1 and 1 <= settings[0] <= 9, "the settings of bzip2")
        return bz2.compress(content, settings[0])
    if packer == XZ:
        check(len(settings) == 3, "the settings of xz")
        preset, sum_of, block = settings
        check(preset & 15 <= 9 and preset < 32 and sum_of in (0, 1, 4, 10) and block <= 1 << 31, "the settings of xz")
        if block:
            raise Unsupported("xz in blocks")
        return lzma.compress(content, check=sum_of, preset=preset & 15 | (lzma.PRESET_EXTREME if preset & 16 else 0))
    if packer == ZSTD:
        check(len(settings) == 2, "the settings of zstd")
        level, flags = settings
        check(1 <= level <= 22 and flags < 16 and flags & 12 != 12 and (not flags & 8 or flags & 2), "the settings of zstd")
        if zstandard.ZSTD_VERSION != (1, 5, 7) or flags & 8 or not flags & 2:
            raise Unsupported("this zstd")
        threads = flags >> 2 & 1
        compressor = zstandard.ZstdCompressor(level, write_checksum=bool(flags & 1), threads=threads)
        if not threads and len(content) > 1 << 17:
            raise Unsupported("this zstd")
        return compressor.compress(content)
    raise Unsupported(f"packer {packer}")


# Damage.


def mutated(random, data):
    """Other bytes than `data`, which is not empty."""
    while (changed := changed_once(random, data)) == data:
        pass
    return changed


def changed_once(random, data):
    kind, at = random.randrange(8), random.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + random.randbytes(random.randint(1, 4)) + data[at:]
    if kind == 2:
        return data[:at] + data[at + random.randint(1, 4) :]
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 3))):
        at = random.randrange(len(data))
        changed[at] = random.choice((changed[at] ^ 1 << random.randrange(8), random.randrange(256), 0, 255, changed[at] + 1 & 255))
    return bytes(changed)


def sealed(header):
    return header[:96] + hashlib.sha256(header[:96]).digest()[:8]


def with_directory(delta, directory, frames):
    packed = zstandard.ZstdCompressor(level=1, write_checksum=True).compress(directory)
    return sealed(delta[:88] + struct.pack("<II", len(packed), len(directory))) + packed + frames


def damage(name, reference, delta, target):
    """Damages a delta, as it stands and then such that its checks are in order; how often it is found, and how often it was done.

    As it stands it is found each time. Where its checks are in order it may give the target still: settings of an encoder may
    make the same stream as others, and a frame may use nothing of its prefix.
    """
    whole, source = Opened(reference, delta), random.Random(name)

    def as_it_stands():
        return Opened(reference, mutated(source, delta))

    def in_header():
        return Opened(reference, sealed(mutated(source, delta[:96]).ljust(96, b"\0")) + delta[HEADER:])

    def in_directory():
        return Opened(reference, with_directory(delta, mutated(source, whole.raw_directory), whole.packed_frames))

    def in_side():
        opened = Opened(reference, delta)
        opened.side = mutated(source, whole.side)
        return opened

    kinds = [as_it_stands, in_header, in_directory] + ([in_side] if whole.side else [])
    large = len(whole.body) >= MIB or len(target) >= 64 << 10
    count, found = MUTATIONS // 10 if large else MUTATIONS, 0
    for kind in kinds:
        for _ in range(count):
            try:
                given = kind().target()
            except (Damaged, Unsupported):
                found += 1
            else:
                check_run(given == target and kind != as_it_stands, f"{name}: damage is not found {kind.__name__}")
    return found, count * len(kinds)


def check_run(true, what):
    if not true:
        sys.exit(what)


def main(directory):
    opened = refused = found = damaged = 0
    for path in sorted(pathlib.Path(directory).glob("*.delta")):
        name, delta = path.name.split(".")[0], path.read_bytes()
        reference = Reference(path.with_name(name + ".reference").read_bytes())
        target = path.with_name(name + ".target").read_bytes()
        try:
            whole = Opened(reference, delta)
            check_run(whole.target() == target, f"{path.name}: gives another target")
            tokens = (deflate_tokens.tokens_of(stream) == side for how, stream, side in whole.made if how == TOKENS)
            check_run(all(tokens), f"{path.name}: the tokens are others than those of the stream")
            opened += 1
        except Unsupported as unsupported:
            check_run(name.startswith(("encoder-", "second-")), f"{path.name}: {unsupported}")
            print(f"{path.name}: by {unsupported}, which is not here")
            refused += 1
        counts = damage(name, reference, delta, target)
        found, damaged = found + counts[0], damaged + counts[1]
    check_run(opened, "there are no vectors")
    print(f"{opened} deltas opened, {refused} by other encoders; {found} of {damaged} damaged ones found, the others give the target")


if __name__ == "__main__":
    main(sys.argv[1])
