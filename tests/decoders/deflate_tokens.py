"""DEFLATE streams to their tokens and back, written from docs/formats/deflate-tokens.md alone: a second maker of the format.

`tokens_of(stream)` gives the tokens of a whole stream, `stream_of(plaintext, tokens)` the stream that they are of. `Damaged` is
raised where there is none.
"""

MAX_BITS, MAX_LENGTH_BITS = 15, 7
LITERALS, DISTANCES, LENGTHS = 286, 30, 19
END = 256
ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
REPEATS = {16: (2, 3), 17: (3, 3), 18: (7, 11)}
FIXED = ([8] * 144 + [9] * 112 + [7] * 24 + [8] * 8, [5] * 30)


def ranges(first, extras):
    out = []
    for extra in extras:
        out.append((first, extra))
        first += 1 << extra
    return out


LENGTH_RANGES = ranges(3, [0] * 8 + [bits for bits in range(1, 6) for _ in range(4)]) + [(258, 0)]
DISTANCE_RANGES = ranges(1, [0] * 4 + [bits for bits in range(1, 14) for _ in range(2)])
LENGTH_SYMBOLS = {}
for _symbol, (_first, _bits) in enumerate(LENGTH_RANGES):
    LENGTH_SYMBOLS.update((_first + _more, _symbol) for _more in range(1 << _bits))


class Damaged(Exception):
    """What is read is not what the page says."""


class Unsupported(Exception):
    """A stream that is made by an encoder that is not here."""


def check(true, what):
    if not true:
        raise Damaged(what)


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


class Bytes:
    """Reads from the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        check(count <= len(self.data) - self.at, "it ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self):
        return self.take(1)[0]

    def varint(self, bits=63):
        value = 0
        for shift in range(0, bits, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                check(value < 1 << bits, "a number is too large")
                return value
        raise Damaged("a number is too long")

    def done(self):
        return self.at == len(self.data)


class BitReader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def bits(self, count):
        check(self.at + count <= 8 * len(self.data), "the stream ends too early")
        value = 0
        for place in range(count):
            value |= (self.data[self.at >> 3] >> (self.at & 7) & 1) << place
            self.at += 1
        return value

    def symbol(self, codes):
        code, length = 1, 0
        while True:
            code, length = code << 1 | self.bits(1), length + 1
            symbol = codes.get(code)
            if symbol is not None:
                return symbol
            check(length < MAX_BITS, "no code")


class BitWriter:
    def __init__(self):
        self.done, self.value, self.count = bytearray(), 0, 0

    def bits(self, value, count):
        self.value |= value << self.count
        self.count += count
        while self.count >= 8:
            self.done.append(self.value & 255)
            self.value >>= 8
            self.count -= 8

    def free(self):
        """Bits that fill the last byte."""
        return -self.count % 8


def canonical(lengths):
    """For each symbol with a code: its bits, the first at the top."""
    code, out = 0, {}
    for length in range(1, MAX_BITS + 1):
        code <<= 1
        for symbol, own in enumerate(lengths):
            if own == length:
                out[symbol] = code
                code += 1
        check(code <= 1 << length, "codes are over-subscribed")
    return out


def complete(lengths):
    return sum(1 << MAX_BITS - length for length in lengths if length) == 1 << MAX_BITS


def decoding(lengths, single):
    """From bits with a 1 before them to symbols, of a set of codes that a stream may have."""
    codes = canonical(lengths)
    used = [length for length in lengths if length]
    check(complete(lengths) or single and used in ([], [1]), "codes are incomplete")
    return {1 << lengths[symbol] | code: symbol for symbol, code in codes.items()}


def encoding(lengths):
    """From symbols to bits in the order of the stream, and how many."""
    return {
        symbol: (int(f"{code:0{lengths[symbol]}b}"[::-1], 2), lengths[symbol])
        for symbol, code in canonical(lengths).items()
    }


# The codes where none are sent along.


class Heap:
    def __init__(self, frequencies):
        self.frequencies, self.depths = list(frequencies), [0] * len(frequencies)
        self.places = [None] + [symbol for symbol, frequency in enumerate(frequencies) if frequency]

    def __len__(self):
        return len(self.places) - 1

    def key(self, node):
        return self.frequencies[node], self.depths[node]

    def sift(self, place):
        node = self.places[place]
        while (child := 2 * place) <= len(self):
            if child < len(self) and self.key(self.places[child + 1]) <= self.key(self.places[child]):
                child += 1
            if self.key(node) <= self.key(self.places[child]):
                break
            self.places[place] = self.places[child]
            place = child
        self.places[place] = node


def built(frequencies, longest):
    """The code lengths of the symbols, as zlib chooses them."""
    heap = Heap(frequencies)
    last = max(heap.places[1:], default=-1)
    while len(heap) < 2:
        added = last + 1 if last + 1 < 3 else 0
        last = max(last, added)
        heap.frequencies[added] = 1
        heap.places.append(added)
    for place in range(len(heap) // 2, 0, -1):
        heap.sift(place)
    taken, parents = [], {}
    while len(heap) > 1:
        first, end = heap.places[1], heap.places.pop()
        if len(heap):
            heap.places[1] = end
            heap.sift(1)
        second = heap.places[1]
        node = len(heap.frequencies)
        heap.frequencies.append(heap.frequencies[first] + heap.frequencies[second])
        heap.depths.append(max(heap.depths[first], heap.depths[second]) + 1)
        parents[first] = parents[second] = heap.places[1] = node
        heap.sift(1)
        taken += [first, second]
    lengths, counts, overflow = {heap.places[1]: 0}, [0] * (longest + 1), 0
    is_symbol = lambda node: node < len(frequencies)
    for node in reversed(taken):
        length = lengths[parents[node]] + 1
        overflow += length > longest
        lengths[node] = min(length, longest)
        counts[lengths[node]] += is_symbol(node)
    if overflow:
        for _ in range(-(-overflow // 2)):
            length = max(length for length in range(longest) if counts[length])
            counts[length] -= 1
            counts[length + 1] += 2
            counts[longest] -= 1
        symbols = filter(is_symbol, taken)
        for length in range(longest, 0, -1):
            for _ in range(counts[length]):
                lengths[next(symbols)] = length
    return [lengths.get(symbol, 0) for symbol in range(len(frequencies))]


def until_last(lengths):
    return lengths[: max((symbol + 1 for symbol, length in enumerate(lengths) if length), default=0)]


def run_lengths(lengths):
    """Pairs of a symbol of the code of code lengths and what its extra bits hold."""
    at, before, out = 0, None, []
    while at < len(lengths):
        length = lengths[at]
        most = 138 if length == 0 else 6 if length == before else 7
        run = 1
        while run < most and at + run < len(lengths) and lengths[at + run] == length:
            run += 1
        if run < (3 if length == 0 or length == before else 4):
            out += [(length, 0)] * run
        elif length == 0:
            out.append((17, run - 3) if run <= 10 else (18, run - 11))
        else:
            out += [] if length == before else [(length, 0)]
            out.append((16, run - (length != before) - 3))
        at, before = at + run, length
    return out


class Codes:
    """What the header of a dynamic block says."""

    def __init__(self, hlit, hdist, sent, coded):
        self.hlit, self.hdist, self.sent, self.coded = hlit, hdist, sent, coded

    @classmethod
    def built(cls, literals, distances):
        literals, distances = (until_last(built(list, MAX_BITS)) for list in (literals, distances))
        coded = run_lengths(literals) + run_lengths(distances)
        frequencies = [sum(symbol == own for own, _ in coded) for symbol in range(LENGTHS)]
        lengths = built(frequencies, MAX_LENGTH_BITS)
        sent = [lengths[symbol] for symbol in ORDER]
        while len(sent) > 4 and sent[-1] == 0:
            sent.pop()
        return cls(len(literals) - 257, len(distances) - 1, sent, coded)

    @classmethod
    def from_bytes(cls, data):
        hlit, hdist, count = data.take(3)
        check(hlit < 32 and hdist < 32 and 4 <= count <= LENGTHS, "numbers of codes")
        sent = list(data.take(count))
        check(all(length <= 7 for length in sent), "a code length of a code length")
        coded, covered = [], 0
        while covered < hlit + 257 + hdist + 1:
            byte = data.byte()
            check(byte < 156, "a symbol of the code lengths")
            pair = (byte, 0) if byte < 16 else (16, byte - 16) if byte < 20 else (17, byte - 20) if byte < 28 else (18, byte - 28)
            coded.append(pair)
            covered += 1 if byte < 16 else REPEATS[pair[0]][1] + pair[1]
        return cls(hlit, hdist, sent, coded)

    def bytes(self):
        start = {16: 16, 17: 20, 18: 28}
        return bytes([self.hlit, self.hdist, len(self.sent)] + self.sent + [start.get(s, s) + extra for s, extra in self.coded])

    def code_lengths(self):
        """Those of the code of code lengths."""
        lengths = [0] * LENGTHS
        for symbol, length in zip(ORDER, self.sent):
            lengths[symbol] = length
        return lengths

    def lengths(self):
        """Those of literals and lengths, and those of distances."""
        out = []
        for symbol, extra in self.coded:
            if symbol < 16:
                out.append(symbol)
                continue
            check(symbol != 16 or out, "nothing to repeat")
            out += [out[-1] if symbol == 16 else 0] * (REPEATS[symbol][1] + extra)
        literals = self.hlit + 257
        check(len(out) == literals + self.hdist + 1, "a repeat runs past the end")
        check(literals <= LITERALS and self.hdist + 1 <= DISTANCES, "too many codes")
        check(out[END], "the end of the block has no code")
        return out[:literals], out[literals:]

    @classmethod
    def read(cls, bits):
        hlit, hdist, count = bits.bits(5), bits.bits(5), bits.bits(4) + 4
        codes = cls(hlit, hdist, [bits.bits(3) for _ in range(count)], [])
        decode, covered = decoding(codes.code_lengths(), False), 0
        while covered < hlit + 257 + hdist + 1:
            symbol = bits.symbol(decode)
            extra = bits.bits(REPEATS[symbol][0]) if symbol > 15 else 0
            codes.coded.append((symbol, extra))
            covered += 1 if symbol < 16 else REPEATS[symbol][1] + extra
        return codes

    def write(self, bits):
        bits.bits(self.hlit, 5)
        bits.bits(self.hdist, 5)
        bits.bits(len(self.sent) - 4, 4)
        for length in self.sent:
            bits.bits(length, 3)
        encode = encoding(self.code_lengths())
        for symbol, extra in self.coded:
            put(bits, encode, symbol)
            if symbol > 15:
                bits.bits(extra, REPEATS[symbol][0])


def put(bits, codes, symbol):
    check(symbol in codes, "a symbol has no code")
    bits.bits(*codes[symbol])


# From streams to tokens.


def tokens_of(stream):
    bits, literals, copied = BitReader(stream), 0, 0
    blocks, runs, lengths, low, high, long_forms = (bytearray() for _ in range(6))
    short_forms, last = 0, False
    while not last:
        last, kind = bits.bits(1), bits.bits(2)
        check(kind < 3, "a type of block")
        if kind == 0:
            skipped = bits.bits(-bits.at % 8)
            length, complement = bits.bits(16), bits.bits(16)
            check(length == complement ^ 0xFFFF, "the length of a stored block")
            check(bits.at // 8 + length <= len(stream), "the stream ends too early")
            bits.at += 8 * length
            copied += length
            blocks.append(last | bool(skipped) << 3)
            blocks += (bytes([skipped]) if skipped else b"") + varint(length)
            continue
        codes = Codes.read(bits) if kind == 2 else None
        literal_lengths, distance_lengths = codes.lengths() if codes else FIXED
        literal_codes = decoding(literal_lengths, True)
        # Two of 32 codes of the fixed distances stand for nothing.
        distance_codes = decoding(distance_lengths + [5] * 2 if kind == 1 else distance_lengths, True)
        literal_counts, distance_counts, count = [0] * LITERALS, [0] * DISTANCES, 0
        while (symbol := bits.symbol(literal_codes)) != END:
            check(symbol < LITERALS, "a symbol stands for nothing")
            count += 1
            literal_counts[symbol] += 1
            if symbol < END:
                literals += 1
                copied += 1
                continue
            first, extra = LENGTH_RANGES[symbol - 257]
            length = first + bits.bits(extra)
            distance_symbol = bits.symbol(distance_codes)
            check(distance_symbol < DISTANCES, "a distance stands for nothing")
            distance_counts[distance_symbol] += 1
            first, extra = DISTANCE_RANGES[distance_symbol]
            distance = first + bits.bits(extra)
            check(distance <= copied, "a distance reaches before the first byte")
            if length == 258 and symbol == 284:
                long_forms += varint(short_forms)
                short_forms = 0
            else:
                short_forms += 1
            runs += varint(literals)
            lengths.append(length - 3)
            low.append(distance - 1 & 255)
            high.append(distance - 1 >> 8)
            literals = 0
            copied += length
        literal_counts[END] = 1
        told = codes.bytes() if codes else b""
        if codes and told == Codes.built(literal_counts, distance_counts).bytes():
            told = b""
        blocks.append(last | kind << 1 | bool(told) << 4)
        blocks += varint(count) + told
    padding = bits.bits(-bits.at % 8)
    check(bits.at == 8 * len(stream), "something follows the stream")
    counts = varint(len(blocks)) + varint(len(runs)) + varint(len(lengths))
    return bytes([padding]) + counts + bytes(blocks + runs + lengths + low + high + long_forms)


# From tokens to streams.


class Tokens:
    """The tokens of all blocks, one after the other: literals (`None`) and copies."""

    def __init__(self, tokens):
        data = Bytes(tokens)
        self.padding = data.byte()
        blocks, runs, self.left = data.varint(), data.varint(), data.varint()
        self.blocks, self.runs = Bytes(data.take(blocks)), Bytes(data.take(runs))
        self.lengths, self.low, self.high = (data.take(self.left) for _ in range(3))
        self.long_forms = Bytes(data.take(len(tokens) - data.at))
        self.at = 0
        self.run = self.runs.varint() if self.left else None
        self.gap = None if self.long_forms.done() else self.long_forms.varint()

    def next(self):
        if self.run is None:
            return None
        if self.run:
            self.run -= 1
            return None
        length, distance = self.lengths[self.at] + 3, self.low[self.at] + (self.high[self.at] << 8) + 1
        check(distance <= 32768, "a distance is too long")
        symbol = LENGTH_SYMBOLS[length]
        if self.gap == 0:
            check(length == 258, "a long form of another length")
            symbol = 284 - 257
            self.gap = None if self.long_forms.done() else self.long_forms.varint()
        elif self.gap is not None:
            self.gap -= 1
        self.at += 1
        self.run = self.runs.varint() if self.at < self.left else None
        return symbol, length, distance

    def done(self):
        return self.at == self.left and self.gap is None and self.blocks.done() and self.runs.done()


def distance_symbol(distance):
    if distance <= 2:
        return distance - 1
    bits = (distance - 1).bit_length() - 1
    return 2 * bits + (distance - 1 >> bits - 1 & 1)


def stream_of(plaintext, tokens):
    tokens, bits, at, last = Tokens(tokens), BitWriter(), 0, False
    while not last:
        about = tokens.blocks.byte()
        last, kind = about & 1, about >> 1 & 3
        check(kind < 3 and about < 32, "a kind of block")
        check(not about & 8 or kind == 0, "bits skipped in a block that is not stored")
        check(not about & 16 or kind == 2, "codes of a block that is not dynamic")
        bits.bits(about & 7, 3)
        if kind == 0:
            skipped, free = tokens.blocks.byte() if about & 8 else 0, bits.free()
            check(skipped < 1 << free and bool(about & 8) == bool(skipped), "the bits skipped before a stored block")
            bits.bits(skipped, free)
            length = tokens.blocks.varint()
            check(length <= 65535 and at + length <= len(plaintext), "the length of a stored block")
            bits.bits(length | (length ^ 0xFFFF) << 16, 32)
            bits.done += plaintext[at : at + length]
            at += length
            continue
        count, listed = tokens.blocks.varint(), []
        codes = Codes.from_bytes(tokens.blocks) if about & 16 else None
        literal_counts, distance_counts = [0] * LITERALS, [0] * DISTANCES
        for _ in range(count):
            token = tokens.next()
            if token is None:
                check(at < len(plaintext), "more tokens than plaintext")
                listed.append(plaintext[at])
                literal_counts[plaintext[at]] += 1
                at += 1
                continue
            symbol, length, distance = token
            check(distance <= at and at + length <= len(plaintext), "a copy of what is not there")
            listed.append(token)
            literal_counts[257 + symbol] += 1
            distance_counts[distance_symbol(distance)] += 1
            at += length
        literal_counts[END] = 1
        if kind == 1:
            literal_codes, distance_codes = map(encoding, FIXED)
        else:
            codes = codes or Codes.built(literal_counts, distance_counts)
            codes.write(bits)
            literal_codes, distance_codes = map(encoding, codes.lengths())
        for token in listed:
            if isinstance(token, int):
                put(bits, literal_codes, token)
                continue
            symbol, length, distance = token
            put(bits, literal_codes, 257 + symbol)
            first, extra = LENGTH_RANGES[symbol]
            bits.bits(length - first, extra)
            put(bits, distance_codes, distance_symbol(distance))
            first, extra = DISTANCE_RANGES[distance_symbol(distance)]
            bits.bits(distance - first, extra)
        put(bits, literal_codes, END)
    check(at == len(plaintext) and tokens.done(), "something is left")
    check(tokens.padding < 1 << bits.free(), "the bits that fill the last byte")
    bits.bits(tokens.padding, bits.free())
    return bytes(bits.done)
