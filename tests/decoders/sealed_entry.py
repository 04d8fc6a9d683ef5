"""Opens sealed entries, written from docs/formats/sealed-entry.md alone: a second reader of the format.

    python3 sealed_entry.py VECTORS

reads a file of vectors (`name = value` lines, blank lines part them), opens each header and body, damages each in many ways
that have to be found, and prints how many vectors it opened. Needs `cryptography` 42 or newer over OpenSSL 3.2 or newer, for
AES-GCM-SIV.
"""

import hashlib
import hmac
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

CHUNK = 65_536
TAG = 16
HEADER = 332
MAX_LENGTH = 1 << 48


class Miss(Exception):
    """A version that is not known, or another key: the entry is left alone."""


class Damaged(Exception):
    """The entry fails a check."""


def hkdf(ikm, info, length):
    """HKDF-SHA256 (RFC 5869) with the salt of the page."""
    extracted = hmac.digest(b"deltaglider.cache.v1", ikm, "sha256")
    out, block = b"", b""
    while len(out) < length:
        block = hmac.digest(extracted, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:length]


def unseal(key, nonce, sealed, associated_data):
    try:
        return AESGCMSIV(key).decrypt(nonce, sealed, associated_data)
    except InvalidTag:
        raise Damaged("tag") from None


def check(true, what):
    if not true:
        raise Damaged(what)


def header_name(key, digest, form):
    return hmac.digest(hkdf(key, b"name key", 32), digest + form, "sha256")[:20].hex()


def open_header(key, digest, form, header):
    """Gives entry id, data key, SHA-256 of the content, its length, and when the entry was made."""
    check(header[:6] == b"DGSEAL" and len(header) > 6, "magic")
    if header[6] != 1:
        raise Miss("version")
    check(len(header) == HEADER, "length of the header")
    check(header[7:9] == b"\x01\x10" and header[9:16] == bytes(7), "algorithm, chunk size, reserved")
    entry, nonce = header[16:32], header[112:124]
    if header[32:48] != hkdf(key, b"key id", 16):
        raise Miss("key")
    commitment = hkdf(key, b"wrap commitment" + entry + nonce, 32)
    check(hmac.compare_digest(commitment, header[48:80]), "wrap commitment")
    payload = unseal(hkdf(key, b"wrapping key", 32), nonce, header[236:], header[:236] + digest + form)
    data_key, sha256 = payload[:32], payload[32:64]
    length, made = int.from_bytes(payload[64:72], "big"), int.from_bytes(payload[72:80], "big")
    check(length <= MAX_LENGTH, "length of the content")
    commitment = hkdf(data_key, b"body commitment" + entry, 32)
    check(hmac.compare_digest(commitment, header[80:112]), "body commitment")
    return entry, data_key, sha256, length, made


def open_subject(key, header):
    """Gives the digest and the form that a header is for."""
    subject = unseal(hkdf(key, b"subject key", 32), header[112:124], header[124:236], header[:124])
    digest, size, name = subject[:32], subject[32], subject[33:]
    check(size <= 63 and not any(name[size:]), "form")
    return digest, name[:size]


def open_body(entry, data_key, digest, length, body):
    chunks = max(1, -(-length // CHUNK))
    check(len(body) == length + TAG * chunks, "length of the body")
    cipher_key = hkdf(data_key, b"body key" + entry, 32)
    content = b""
    for i in range(chunks):
        index, last = i.to_bytes(8, "big"), bytes([i == chunks - 1])
        associated_data = digest + entry + index + last + length.to_bytes(8, "big")
        sealed = body[i * (CHUNK + TAG) : (i + 1) * (CHUNK + TAG)]
        content += unseal(cipher_key, bytes(3) + index + last, sealed, associated_data)
    return content


def seal_body(entry, data_key, digest, content):
    """The other direction, for vectors that give a body by its SHA-256 alone."""
    chunks = max(1, -(-len(content) // CHUNK))
    cipher = AESGCMSIV(hkdf(data_key, b"body key" + entry, 32))
    body = b""
    for i in range(chunks):
        index, last = i.to_bytes(8, "big"), bytes([i == chunks - 1])
        associated_data = digest + entry + index + last + len(content).to_bytes(8, "big")
        body += cipher.encrypt(bytes(3) + index + last, content[i * CHUNK : (i + 1) * CHUNK], associated_data)
    return body


def must_fail(what, expected, work, *arguments):
    try:
        work(*arguments)
    except expected:
        return
    raise SystemExit(f"{what}: was opened, or refused for another reason")


def check_vector(vector):
    key, digest = bytes(range(32)), hashlib.sha256(b"deltaglider").digest()
    form, length = vector["form"].encode(), int(vector["length"])
    header = bytes.fromhex(vector["header"])
    content = bytes((i * 7 + i // 251) % 256 for i in range(length))

    assert hkdf(key, b"key id", 16).hex() == vector["key_id"]
    assert header_name(key, digest, form) == vector["name"]
    entry, data_key, sha256, announced, made = open_header(key, digest, form, header)
    assert (announced, made) == (length, 1_767_225_600)
    assert sha256 == hashlib.sha256(content).digest()
    assert open_subject(key, header) == (digest, form)

    body = bytes.fromhex(vector["body"]) if "body" in vector else seal_body(entry, data_key, digest, content)
    assert hashlib.sha256(body).hexdigest() == vector["body_sha256"]
    assert open_body(entry, data_key, digest, length, body) == content

    for at in range(HEADER):
        flipped = header[:at] + bytes([header[at] ^ 1]) + header[at + 1 :]
        expected = Miss if at == 6 or 32 <= at < 48 else Damaged
        must_fail(f"byte {at} of the header", expected, open_header, key, digest, form, flipped)
    must_fail("another key", Miss, open_header, bytes(32), digest, form, header)
    must_fail("another digest", Damaged, open_header, key, bytes(32), form, header)
    must_fail("another form", Damaged, open_header, key, digest, form + b"2", header)
    for at in range(0, len(body), max(1, len(body) // 40)):
        flipped = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        must_fail(f"byte {at} of the body", Damaged, open_body, entry, data_key, digest, length, flipped)
    must_fail("a shorter body", Damaged, open_body, entry, data_key, digest, length, body[:-1])


def main(path):
    opened = 0
    with open(path, encoding="ascii") as file:
        for paragraph in file.read().split("\n\n"):
            lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
            vector = dict(line.split(" = ", 1) for line in lines if line)
            if vector:
                check_vector(vector)
                opened += 1
    print(f"{opened} vectors opened")


if __name__ == "__main__":
    main(sys.argv[1])
