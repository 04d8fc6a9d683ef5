"""Compresses a file: `deflate.py ENCODER version`, or `deflate.py ENCODER gz|zip|zst LEVEL FILE OUT`.

ENCODER is `python`, for the standard library, or `zlib-ng` or `zstandard`, for the package of that name.
"""

import os
import sys
import zipfile
import zlib

encoder, format, *rest = sys.argv[1:]
if encoder == "zlib-ng":
    from zlib_ng import gzip_ng as gzip
    from zlib_ng import zlib_ng
elif encoder == "zstandard":
    import zstandard
else:
    import gzip

if format == "version":
    python = sys.version.split()[0]
    if encoder == "zlib-ng":
        print(f"zlib-ng {zlib_ng.ZLIBNG_VERSION} by Python {python}")
    elif encoder == "zstandard":
        print(f"zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))} by Python {python}")
    else:
        print(f"Python {python}, zlib {zlib.ZLIB_RUNTIME_VERSION}")
    sys.exit()

level, file, out = rest
with open(file, "rb") as source:
    content = source.read()
if format == "gz":
    with open(out, "wb") as to, gzip.GzipFile("", "wb", int(level), to, mtime=0) as member:
        member.write(content)
elif format == "zst":
    with open(out, "wb") as to:
        to.write(zstandard.ZstdCompressor(int(level), write_checksum=True).compress(content))
else:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=int(level)) as archive:
        archive.writestr(zipfile.ZipInfo(os.path.basename(file)), content, zipfile.ZIP_DEFLATED, int(level))
