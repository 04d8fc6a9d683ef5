"""DEFLATE streams made with the choices of another version, written from docs/formats/guided-streams.md: a second maker of them.

`stream_of(plaintext, side, stream_of_reference)` gives the stream; the last is a function from the number of a stream of the
reference to its tokens and its plaintext. What the page leaves to the encoder is here for zlib alone; for the two others
`Unsupported` is raised. `Damaged` is raised where there is no stream.
"""

import deflate_tokens
from deflate_tokens import (
    DISTANCE_RANGES, DISTANCES, END, FIXED, LENGTH_RANGES, LENGTH_SYMBOLS, LITERALS, REPEATS,
    Bytes, Codes, Tokens, Unsupported, check, distance_symbol, varint,
)  # fmt: skip

ZLIB, CHROMIUM_ZLIB, GNU_GZIP = 1, 2, 5
FILTERED, FIXED_CODES = 1, 4
STORED_BLOCK, FIXED_BLOCK, DYNAMIC_BLOCK = 0, 1, 2
MIN_MATCH, MAX_MATCH = 3, 258
# From here on, names and numbers are zlib's.
W_SIZE, MIN_LOOKAHEAD, TOO_FAR = 32768, MAX_MATCH + MIN_MATCH + 1, 4096
MAX_DIST = W_SIZE - MIN_LOOKAHEAD
CONFIGURATIONS = {  # good_length, max_lazy, nice_length, max_chain
    4: (4, 4, 16, 16),
    5: (8, 16, 32, 32),
    6: (8, 16, 128, 128),
    7: (8, 32, 128, 256),
    8: (32, 128, 258, 1024),
    9: (32, 258, 258, 4096),
}


def signed(turn):
    return -(turn + 1) // 2 if turn & 1 else turn // 2


class Side:
    def __init__(self, data):
        data = Bytes(data)
        self.encoder, self.level, self.memory, self.strategy = data.take(4)
        check(self.encoder in (ZLIB, CHROMIUM_ZLIB, GNU_GZIP) and self.level in CONFIGURATIONS, "an encoder or its level")
        check(self.memory == 8 if self.encoder == GNU_GZIP else 1 <= self.memory <= 9, "a memory level")
        check(self.strategy in ((0,) if self.encoder == GNU_GZIP else (0, FILTERED, FIXED_CODES)), "a strategy")
        self.other, count = data.varint(), data.varint()
        check(2 * count <= len(data.data) - data.at, "the number of stretches")
        self.stretches, start, shift = [], 0, 0
        for _ in range(count):
            start, shift = start + data.varint(), shift + signed(data.varint())
            check(start < 1 << 63 and 0 <= start + shift < 1 << 63, "a stretch lies nowhere")
            self.stretches.append((start, shift))
        self.exceptions = []  # tokens before it since the last, and what is told: nothing, or length and distance
        while not data.done():
            before, told = divmod(data.varint(), 2)
            self.exceptions.append((before, self.told(data) if told else None))

    @staticmethod
    def told(data):
        length = data.varint()
        if length == 0:
            return 1, 0
        distance = data.varint()
        check(MIN_MATCH <= length <= MAX_MATCH and 1 <= distance <= W_SIZE, "a copy that is told")
        return length, distance


def tokens_with_places(tokens):
    """Start, length and distance of every token (1 and 0 of a literal) that does not come from a stored block."""
    tokens, at, last = Tokens(tokens), 0, False
    while not last:
        about = tokens.blocks.byte()
        last, kind = about & 1, about >> 1 & 3
        if kind == STORED_BLOCK:
            tokens.blocks.take(about >> 3 & 1)
            at += tokens.blocks.varint()
            continue
        count = tokens.blocks.varint()
        if about & 16:
            Codes.from_bytes(tokens.blocks)
        for _ in range(count):
            copy = tokens.next()
            length, distance = copy[1:] if copy else (1, 0)
            yield at, length, distance
            at += length


class Hints:
    def __init__(self, plaintext, stretches, tokens, other_plaintext):
        self.plaintext, self.other_plaintext = plaintext, other_plaintext
        self.tokens, self.next_token = list(tokens_with_places(tokens)), 0
        self.stretches, self.next_stretch, self.shift = stretches, 0, 0
        self.begun = [(0, 0)]  # place there and shift, both of which count

    def go_to(self, place):
        """Must be called for the place of every token."""
        while self.next_stretch < len(self.stretches) and self.stretches[self.next_stretch][0] <= place:
            start, self.shift = self.stretches[self.next_stretch]
            while self.begun and self.begun[-1][0] >= start + self.shift:
                self.begun.pop()
            self.begun.append((start + self.shift, self.shift))
            self.next_stretch += 1
        while self.next_token < len(self.tokens) and self.tokens[self.next_token][0] < place + self.shift:
            self.next_token += 1

    def at(self, place):
        """Length and distance, or nothing."""
        there, plaintext = place + self.shift, self.plaintext
        if self.next_token == len(self.tokens) or self.tokens[self.next_token][0] != there:
            return None
        _, length, distance = self.tokens[self.next_token]
        if distance == 0:
            return (1, 0) if self.other_plaintext[there] == plaintext[place] else None
        source = there - distance
        source -= next(shift for start, shift in reversed(self.begun) if start <= source)
        distance, end = place - source, place + length
        if source < 0 or not 1 <= distance <= MAX_DIST or length == MIN_MATCH and distance > TOO_FAR:
            return None
        if end > len(plaintext) or plaintext[place:end] != plaintext[source : source + length]:
            return None
        goes_on = length < MAX_MATCH and end < len(plaintext) and plaintext[end] == plaintext[source + length]
        return None if goes_on else (length, distance)


class Window:
    def __init__(self, length):
        self.length, self.start, self.end = length, 0, 0

    def begin_loop(self, place):
        if self.end - place < MIN_LOOKAHEAD:  # fill_window
            if place - self.start >= W_SIZE + MAX_DIST:
                self.start += W_SIZE
            self.end = min(self.length, self.start + 2 * W_SIZE)


class Searches:
    def __init__(self, plaintext, side, window):
        self.plaintext, self.window, self.strategy = plaintext, window, side.strategy
        self.good, self.lazy, self.nice, self.chain = CONFIGURATIONS[side.level]
        bits = side.memory + 7
        self.shift, self.mask = (bits + 2) // 3, (1 << bits) - 1
        self.head, self.prev = {}, []
        self.in_hand, self.at = None, None

    def insert(self, end):
        data, shift = self.plaintext, self.shift
        for place in range(len(self.prev), end):
            key = (data[place] << 2 * shift ^ data[place + 1] << shift ^ data[place + 2]) & self.mask
            self.prev.append(self.head.get(key, -1))
            self.head[key] = place

    def longest_match(self, place, prev_length):
        """Length and place of a match longer than `prev_length`; MIN_MATCH - 1 where there is none."""
        data, none, lookahead = self.plaintext, (MIN_MATCH - 1, None), len(self.plaintext) - place
        self.window.begin_loop(place)
        if lookahead < MIN_MATCH or prev_length >= self.lazy:
            return none
        self.insert(place + 1)
        candidate, chain = self.prev[place], self.chain >> 2 if prev_length >= self.good else self.chain
        if candidate <= self.window.start or place - candidate > MAX_DIST:
            return none
        limit, best, found = max(self.window.start, place - MAX_DIST), prev_length, None
        while True:
            if best < lookahead and data[candidate : candidate + best + 1] == data[place : place + best + 1]:
                best, found = best + 1, candidate
                while best < min(lookahead, MAX_MATCH) and data[candidate + best] == data[place + best]:
                    best += 1
                if best >= min(self.nice, lookahead):
                    break
            candidate, chain = self.prev[candidate], chain - 1
            if candidate <= limit or chain == 0:
                break
        if found is None or best <= 5 and (self.strategy == FILTERED or best == MIN_MATCH and place - found > TOO_FAR):
            return none
        return best, found

    def token(self, place):
        """What `deflate_slow` gives next: length and distance."""
        length, found = self.in_hand if self.at == place else self.longest_match(place, MIN_MATCH - 1)
        after = self.longest_match(place + 1, length)
        if length >= MIN_MATCH and after[0] <= length:
            return length, place - found
        self.in_hand, self.at = after, place + 1
        return 1, 0


def made_tokens(plaintext, side, other, window):
    """Place, length and distance of every token, when the window has moved as far as it does until then."""
    reach = 65536 + 4 * len(plaintext)
    check(all(start + shift <= reach for start, shift in side.stretches), "a stretch leads too far")
    hints, searches = Hints(plaintext, side.stretches, *other), Searches(plaintext, side, window)
    exceptions, place = iter(side.exceptions), 0
    due, told = next(exceptions, (-1, None))
    while place < len(plaintext):
        window.begin_loop(place)
        hints.go_to(place)
        token = told if due == 0 else hints.at(place)
        length, distance = token or searches.token(place)
        check(distance <= place and place + length <= len(plaintext), "a token of what is not there")
        window.begin_loop(place + 1)
        yield place, length, distance
        place += length
        due, told = next(exceptions, (-1, None)) if due == 0 else (due - 1, told)
    check(due < 0, "exceptions are left over")


class Block:
    def __init__(self, start):
        self.start, self.end, self.count, self.literals_before = start, start, 0, 0
        self.literal_counts, self.distance_counts, self.extra_bits = [0] * LITERALS, [0] * DISTANCES, 0
        self.literal_counts[END] = 1
        self.copies = []  # literals before each, length and distance

    def add(self, length, distance, byte):
        self.end += length
        self.count += 1
        if distance == 0:
            self.literal_counts[byte] += 1
            self.literals_before += 1
            return
        symbol, of_distance = LENGTH_SYMBOLS[length], distance_symbol(distance)
        self.literal_counts[END + 1 + symbol] += 1
        self.distance_counts[of_distance] += 1
        self.extra_bits += LENGTH_RANGES[symbol][1] + DISTANCE_RANGES[of_distance][1]
        self.copies.append((self.literals_before, length, distance))
        self.literals_before = 0

    def content_bits(self, literal_lengths, distance_lengths):
        counted = zip(self.literal_counts + self.distance_counts, pad(literal_lengths, LITERALS) + distance_lengths)
        return self.extra_bits + sum(count * length for count, length in counted)

    def kind(self, strategy, held):
        """As `_tr_flush_block` chooses; `held` if the window holds all of the block."""
        codes = Codes.built(self.literal_counts, self.distance_counts)
        own = codes.code_lengths()
        header = 14 + 3 * len(codes.sent) + sum(own[symbol] + REPEATS.get(symbol, (0,))[0] for symbol, _ in codes.coded)
        dynamic = header + self.content_bits(*codes.lengths()) + 10 >> 3
        fixed = self.content_bits(*FIXED) + 10 >> 3
        best = fixed if strategy == FIXED_CODES else min(fixed, dynamic)
        if held and self.end - self.start + 4 <= best:
            return STORED_BLOCK
        return FIXED_BLOCK if best == fixed else DYNAMIC_BLOCK


def pad(lengths, count):
    return lengths[:count] + [0] * (count - len(lengths))


def blocks(plaintext, side, other):
    """Every block and its kind."""
    block, most, window = Block(0), (1 << side.memory + 6) - 1, Window(len(plaintext))
    for place, length, distance in made_tokens(plaintext, side, other, window):
        block.add(length, distance, plaintext[place])
        if block.count == most and (distance or block.end < len(plaintext)):
            yield block, block.kind(side.strategy, block.start >= window.start)
            block = Block(block.end)
    window.begin_loop(len(plaintext))
    yield block, block.kind(side.strategy, block.start >= window.start)


def stream_of(plaintext, side, stream_of_reference):
    side = Side(side)
    if side.encoder != ZLIB:
        raise Unsupported("Chromium's zlib" if side.encoder == CHROMIUM_ZLIB else "GNU gzip")
    made = list(blocks(plaintext, side, stream_of_reference(side.other)))
    # The tokens of the page deflate-tokens.md, of which there is a writer.
    listed, runs, copies, literals = bytearray(), bytearray(), [], 0
    for number, (block, kind) in enumerate(made, 1):
        listed.append((number == len(made)) | kind << 1)
        listed += varint(block.end - block.start if kind == STORED_BLOCK else block.count)
        if kind == STORED_BLOCK:
            continue
        for before, length, distance in block.copies:
            runs += varint(literals + before)
            copies.append((length, distance - 1))
            literals = 0
        literals += block.literals_before
    columns = zip(*((length - 3, distance & 255, distance >> 8) for length, distance in copies))
    counts = varint(len(listed)) + varint(len(runs)) + varint(len(copies))
    return deflate_tokens.stream_of(plaintext, bytes(1) + counts + listed + runs + b"".join(map(bytes, columns)))
