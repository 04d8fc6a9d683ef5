"""Makes the golden vectors of `dgd1` that are not there yet; what is there is never written again.

    python3 dgd1_vectors.py DIRECTORY PROGRAM

PROGRAM is the example `delta` of `deltaglider-codec`. Plaintexts, and streams by encoders other than zlib, are from the vectors
by real encoders, which stand beside the directory.
"""

import bz2
import hashlib
import io
import lzma
import pathlib
import random
import subprocess
import sys
import tarfile
import zipfile
import zlib

import deflate_tokens
from deflate_tokens import varint

# Bytes of memory that the encoder may take where it is not what the program takes by itself: `frames` gets small frames so,
# `raw` no plaintext of its target. `tests/golden.rs` has the same.
MEMORY = {"frames": 96 << 20, "raw": 40 << 20}
# The vectors of version 2, which the highest effort writes.
SECOND = "second-"
HEAD = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def noise(name, length):
    return hashlib.shake_256(name.encode()).digest(length)


def edited(plain):
    middle = len(plain) // 2
    return plain[:middle] + b"another line altogether\n" + plain[middle + 3 :]


def scattered(plain, every=2500):
    """Edits all over it: bytes that are other ones, more, fewer, and moved."""
    pieces = [plain[at : at + every] for at in range(0, len(plain), every)]
    for number, piece in enumerate(pieces):
        half, kind = len(piece) // 2, number % 6
        if kind == 1:
            pieces[number] = piece[:half] + b"%d" % number + piece[half + 1 :]
        elif kind == 2:
            pieces[number] = piece[:half] + noise(f"edit {number}", 30) + piece[half:]
        elif kind == 3:
            pieces[number] = piece[: half - 90] + piece[half:]
        elif kind == 4:
            pieces[number] = piece[half:] + piece[:half]
    return b"".join(pieces)


def shuffled(plain, length):
    """As many bytes of its lines, in many orders."""
    source, lines, out = random.Random("guided"), plain.splitlines(keepends=True), bytearray()
    while len(out) < length:
        first = source.randrange(len(lines))
        out += b"".join(lines[first : first + source.randint(1, 12)])
    return bytes(out[:length])


def deflated(plain, level=6, memory=8, strategy=0, flush_every=None):
    encoder = zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy)
    if not flush_every:
        return encoder.compress(plain) + encoder.flush()
    pieces = [plain[at : at + flush_every] for at in range(0, len(plain), flush_every)]
    flushes = (zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH)
    out = [encoder.compress(piece) + encoder.flush(flushes[i % 3]) for i, piece in enumerate(pieces)]
    return b"".join(out) + encoder.flush()


def gzip(plain, stream=None, name=b"", **settings):
    stream = deflated(plain, **settings) if stream is None else stream
    return (HEAD[:3] + b"\x08" + HEAD[4:] + name + b"\0" if name else HEAD) + stream + zlib.crc32(plain).to_bytes(4, "little") + len(plain).to_bytes(4, "little")


def zipped(members):
    """A zip of names, contents and levels; level 0 is stored."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content, level in members:
            about = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
            about.create_system, about.external_attr = 3, 0o644 << 16
            archive.writestr(about, content, zipfile.ZIP_DEFLATED if level else zipfile.ZIP_STORED, level)
    return out.getvalue()


def tarred(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    return out.getvalue()


def archived(members):
    """A package of Debian: names and contents."""
    out = b"!<arch>\n"
    for name, content in members:
        out += f"{name:<16}1577836800  0     0     100644  {len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2)
    return out


def odd(plain):
    """A stream that no encoder makes: what deflate-tokens.md has beside the usual."""
    at, lengths = plain.index(b"=" * 900), [258, 258, 258, 3]
    rest = len(plain) - at - 1 - sum(lengths)
    blocks = [
        bytes([1 << 3, 0x15]) + varint(100),  # stored, and bits skipped that are not 0
        bytes([0]) + varint(0),  # stored, with nothing in it
        bytes([1 << 1]) + varint(200),  # fixed
        bytes([2 << 1]) + varint(at + 1 - 300 + 2),  # dynamic, with two of the copies
        bytes([1 | 2 << 1]) + varint(2 + rest),  # dynamic, the last
    ]
    blocks, runs = b"".join(blocks), varint(at + 1 - 100) + bytes(3)
    counts = varint(len(blocks)) + varint(len(runs)) + varint(len(lengths))
    # All copies have the distance 1, and the second is the one long form of 258.
    tokens = counts + blocks + runs + bytes(length - 3 for length in lengths) + bytes(8) + varint(1)
    stream = deflate_tokens.stream_of(plain, bytes([1]) + tokens)  # a bit of the padding is not 0
    assert zlib.decompress(stream, -15) == plain
    return stream


def pairs(encoders):
    """Name, reference and target of every vector."""
    one, two = ((encoders / f"plaintext-{version}.bin").read_bytes() for version in (1, 2))
    yield "text", one[:6000], edited(one[:6000])[200:]
    yield "empty-target", one[:500], b""
    yield "empty-reference", b"", one[:3000] + gzip(one[3000:6000])
    yield "another-kind", zipped([("a", one[:4000], 6)]), two[:4000]

    settings = [(1, 8, 0), (6, 8, 0), (9, 9, 0), (5, 1, 0), (6, 8, 1), (6, 8, 2), (6, 8, 3), (6, 8, 4), (9, 4, 0)]
    members = lambda change: b"".join(
        gzip(change(one[at * 2500 : at * 2500 + 2500]), level=level, memory=memory, strategy=strategy)
        for at, (level, memory, strategy) in enumerate(settings)
    )
    yield "zlib-settings", members(bytes), members(edited)

    # Long enough for the window to move, with more noise in it than a block has tokens; then a member for each level.
    long = shuffled(one, 60000) + noise("guided", 36000) + shuffled(two, 60000)
    texts = [long] + [one[at : at + 8500] for at in range(0, 24000, 4800)]
    # Repeats with edits in them are what neither hints nor searches give the encoder's tokens for; noise fills a small block.
    texts += [one[24000:28000] + b"".join(bytes(range(9 - at)) * 300 for at in range(5)) + noise("short", 700) + one[28000:33000]]
    settings = [(6, 8, 0), (4, 9, 0), (5, 4, 0), (7, 8, 0), (8, 8, 1), (9, 8, 0), (5, 1, 0)]
    members = lambda change: b"".join(
        gzip(change(text), level=level, memory=memory, strategy=strategy) for text, (level, memory, strategy) in zip(texts, settings)
    )
    yield "guided", members(bytes), members(scattered)

    for name, file in (
        ("encoder-zlib", "python-9.gz"),
        ("encoder-chromium-zlib", "node-6.gz"),
        ("encoder-gnu-gzip", "gzip-6.gz"),
        ("encoder-miniz", "miniz-6.gz"),
        ("encoder-zlib-rs", "zlib-rs-6.gz"),
        ("tokens-go", "go-1.gz"),
        ("tokens-libdeflate", "libdeflate-6.gz"),
        ("tokens-zopfli", "zopfli-15.gz"),
    ):
        yield name, *((encoders / str(version) / file).read_bytes() for version in (1, 2))
    flushed = lambda plain: gzip(plain, flush_every=700)
    yield "tokens-flushed", flushed(one[:6000]), flushed(edited(one[:6000]))
    members = lambda texts: b"".join(gzip(text, name=name, flush_every=900) for name, text in texts)
    texts = [(b"a", one[:3000]), (b"b", one[3000:5000]), (b"c", one[5000:8000]), (b"d", one[8000:11000])]
    inner = members([(b"e", one[11000:13000]), (b"f", one[13000:15000])])
    changed = [(b"d", edited(texts[3][1])), (b"a", edited(texts[0][1])), (b"c", edited(texts[2][1]))]
    within = members([(b"e", edited(one[11000:13000])), (b"f", one[13000:15000])])
    yield "tokens-of-several", members(texts + [(b"in", inner)]), members(changed + [(b"in", within)])
    lines = [plain[:3000] + b"=" * 900 + plain[3000:] for plain in (one[:6000], edited(one[:6000]))]
    yield "tokens-odd", *(gzip(plain, stream=odd(plain)) for plain in lines)

    zip_one = [("also.txt", one[16000:18000], 9), ("kept.txt", one[:6000], 6), ("noise.bin", noise("zip", 2000), 0), ("changed.txt", one[6000:12000], 9)]
    zip_two = [("first.txt", two[:2000], 6), zip_one[1], ("changed.txt", edited(zip_one[3][1]), 9), ("moved.bin", *zip_one[2][1:])]
    zip_two += [("stored.txt", edited(one[12000:14000]), 0), ("also-moved.txt", *zip_one[0][1:])]
    zip_one += [("stored.txt", one[12000:14000], 0), ("gone.txt", one[14000:16000], 1)]
    yield "zip", zipped(zip_one), zipped(zip_two)
    yield "raw", gzip(one[:5000]), gzip(edited(one[:5000]))
    # More plaintext than one prefix holds.
    sections = [one[at : at + 2000] * 600 for at in range(0, 8000, 2000)]
    yield "frames", gzip(b"".join(sections)), gzip(b"".join([sections[3][5000:900000], sections[1], two[:1000], sections[0][:300000]]))
    # In one block, as xz did it, which Python does; in blocks, as dpkg does it, from the vectors by real encoders.
    for name, pack in (("xz", lambda plain: lzma.compress(plain, preset=6)), ("bzip2", lambda plain: bz2.compress(plain, 9))):
        yield SECOND + name, pack(one[:8000]), pack(edited(one[:8000]))
    yield SECOND + "zstd", *((encoders / str(version) / "python-zstandard-19.zst").read_bytes() for version in (1, 2))
    yield SECOND + "xz-blocks", *((encoders / str(version) / "xz-blocks-6.xz").read_bytes() for version in (1, 2))
    yield SECOND + "dpkg-deb", *((encoders / str(version) / "dpkg-deb-6.deb").read_bytes() for version in (1, 2))
    # DEFLATE in a tar in bzip2 in an archive, tokens beside an encoder, copies of what is packed, streams behind each other.
    data = lambda text, more: bz2.compress(tarred([("a.1.gz", gzip(text)), ("b.gz", gzip(more, flush_every=700)), ("c", more)]), 1)
    control = lzma.compress(tarred([("control", one[20000:22000])]), preset=1)
    members = lambda text, more: archived(
        [("debian-binary", b"2.0\n"), ("control.tar.xz", control), ("data.tar.bz2", data(text, more) + bz2.compress(text, 2))]
    )
    yield SECOND + "package", members(one[:4000], one[4000:8000]), members(edited(one[:4000]), edited(one[4000:8000]))
    nested = lambda members, text: gzip(tarred([("in/some.zip", zipped(members)), ("text", text)]), level=9)
    yield "zip-in-tar-gz", nested(zip_one, one[:3000]), nested(zip_two, edited(one[:3000]))


def main(directory, program):
    directory = pathlib.Path(directory)
    for name, reference, target in pairs(directory.parent / "encoders"):
        paths = [directory / f"{name}.{part}" for part in ("reference", "target", "delta")]
        for path, content in zip(paths, (reference, target)):
            if not path.exists():
                path.write_bytes(content)
        if not paths[2].exists():
            memory = [str(MEMORY[name])] if name in MEMORY else []
            effort = "max" if name.startswith(SECOND) else "default"
            subprocess.run([program, "encode", "dgd1", effort, *paths, *memory], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
