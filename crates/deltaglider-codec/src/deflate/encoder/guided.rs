//! Streams that an encoder gives, made with the choices that it made for another version of them.
//!
//! Where two plaintexts go on alike for longer than the window, the encoder chooses alike, and what it chose then need not be searched
//! for again. Where they differ it searches, as far as the choices of then don't stand any more; and where neither gives what it
//! chose, the side says so. The page `docs/formats/guided-streams.md` tells the layout.

mod align;
mod guide;

use self::align::align;
use self::guide::{Guide, Stretch};
use super::super::varint;
use super::super::walk::{self, Walk};
use super::zlib::{self, Parameters, Token, Weighed};
use super::{Encoder, SIDE};

/// Exceptions tell themselves by their lowest bit.
const SEARCHED: u64 = 0;
const TOLD: u64 = 1;

/// Another version of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version<'a> {
    /// Its number among the streams of the reference.
    pub number: usize,
    /// The stream.
    pub stream: &'a [u8],
    /// Its plaintext.
    pub plain: &'a [u8],
}

/// What is done at a token.
enum Order {
    Take(Token),
    Search,
}

/// Says which token it is.
trait Judge {
    /// What is done where the other version leads one to expect this token.
    fn hinted(&mut self, hint: Option<Token>) -> Option<Order>;
    /// The token that it is, where the search gave this one.
    fn searched(&mut self, found: Token, hint: Option<Token>) -> Option<Token>;
}

/// How far another version leads a plaintext of so many bytes: to read it takes time in proportion then.
pub(crate) fn reach(plain: usize) -> usize {
    plain.saturating_mul(4).saturating_add(64 << 10)
}

/// The side of a stream that one of the encoders with these names gives, but for exceptions, of at most `most` bytes; proven.
pub(in super::super) fn side(
    names: &[Vec<u8>],
    stream: &[u8],
    plain: &[u8],
    other: Version<'_>,
    most: usize,
) -> Option<Vec<u8>> {
    let mut named = names.iter().filter_map(|name| Some((name, parameters(name)?))).peekable();
    named.peek()?;
    let stretches = align(&other.plain[..other.plain.len().min(reach(plain.len()))], plain);
    named.find_map(|(name, parameters)| {
        let mut side = name.clone();
        varint::put(&mut side, other.number as u64);
        guide::write(&stretches, &mut side);
        let mut maker = Maker { truth: Walk::new(stream), side, most, passed: 0, next: None };
        (maker.side.len() <= most).then_some(())?;
        let made = replay(plain, parameters, stretches.clone(), other.stream, &mut maker, stream.len(), Some(stream))?;
        (made == stream && maker.side.len() <= most).then_some(maker.side)
    })
}

/// The stream of `length` bytes that plaintext and side give, with the streams of the reference by their numbers.
pub(in super::super) fn rebuild<'a>(
    plain: &[u8],
    side: &[u8],
    length: usize,
    streams: &dyn Fn(usize) -> Option<&'a [u8]>,
) -> Option<Vec<u8>> {
    let (name, mut rest) = side.split_at_checked(SIDE)?;
    let parameters = parameters(name)?;
    let other = streams(usize::try_from(varint::take(&mut rest)?).ok()?)?;
    let stretches = guide::read(&mut rest)?;
    stretches.iter().all(|stretch| stretch.from <= reach(plain.len())).then_some(())?;
    let mut reader = Reader { rest, until: 0, told: None, is_over: false };
    reader.next()?;
    let made = replay(plain, parameters, stretches, other, &mut reader, length, None)?;
    (reader.is_over && made.len() == length).then_some(made)
}

/// The settings of an encoder that weighs its choices; of others none are guided.
fn parameters(name: &[u8]) -> Option<Parameters> {
    match Encoder::from_side(name)? {
        Encoder::Zlib(parameters) if parameters.is_lazy() => Some(parameters),
        _ => None,
    }
}

/// Makes the stream of `plain` token by token; None where it would be longer than `limit`, or is seen not to be `expected`.
fn replay(
    plain: &[u8],
    parameters: Parameters,
    stretches: Vec<Stretch>,
    other: &[u8],
    judge: &mut impl Judge,
    limit: usize,
    expected: Option<&[u8]>,
) -> Option<Vec<u8>> {
    let mut guide = Guide::new(stretches, other);
    let mut encoder = zlib::Encoder::new(plain, parameters, limit, expected);
    let mut weighed = Weighed::NOTHING;
    let mut at = 0;
    while at < plain.len() {
        let hint = guide.hint(plain, at);
        let token = match judge.hinted(hint)? {
            Order::Take(token) => {
                weighed = Weighed::NOTHING;
                encoder.pass(at);
                token
            }
            Order::Search => {
                if !weighed.literal_waits || encoder.position != at + 1 {
                    weighed = Weighed::NOTHING;
                    encoder.position = at;
                }
                let found = encoder.weigh(&mut weighed)?;
                let token = judge.searched(found, hint)?;
                if token != found {
                    weighed = Weighed::NOTHING;
                    encoder.pass(at);
                }
                token
            }
        };
        let (length, distance) = (usize::from(token.length), usize::from(token.distance));
        if length > plain.len() - at || distance > at {
            return None;
        }
        encoder.put(at, token)?;
        at += length;
    }
    encoder.finish()
}

/// Knows the stream, and notes where it is not what would be expected.
struct Maker<'a> {
    truth: Walk<'a>,
    side: Vec<u8>,
    most: usize,
    /// Tokens since the last exception.
    passed: u64,
    /// The token that comes, where it is known.
    next: Option<Token>,
}

impl Maker<'_> {
    fn except(&mut self, kind: u64) -> Option<()> {
        varint::put(&mut self.side, std::mem::take(&mut self.passed) << 1 | kind);
        (self.side.len() <= self.most).then_some(())
    }
}

impl Judge for Maker<'_> {
    #[inline]
    fn hinted(&mut self, hint: Option<Token>) -> Option<Order> {
        self.next = match self.truth.next()? {
            walk::Token::Literal(_) => Some(Token::LITERAL),
            walk::Token::Copy { length, distance } => Some(Token { length, distance }),
            walk::Token::Stored => None,
        };
        match self.next {
            Some(token) if hint == Some(token) => {
                self.passed += 1;
                Some(Order::Take(token))
            }
            _ => Some(Order::Search),
        }
    }

    fn searched(&mut self, found: Token, hint: Option<Token>) -> Option<Token> {
        let token = self.next.unwrap_or(found);
        if self.next.is_none() {
            // What a stored block was made of, only the search tells.
            let rest = (1..found.length).all(|_| self.truth.next() == Some(walk::Token::Stored));
            rest.then_some(())?;
        }
        if token != found {
            self.except(TOLD)?;
            match token {
                Token::LITERAL => varint::put(&mut self.side, 0),
                Token { length, distance } => {
                    varint::put(&mut self.side, u64::from(length));
                    varint::put(&mut self.side, u64::from(distance));
                }
            }
        } else if hint.is_some_and(|hint| hint != found) {
            self.except(SEARCHED)?;
        } else {
            self.passed += 1;
        }
        Some(token)
    }
}

/// Knows the exceptions.
struct Reader<'a> {
    rest: &'a [u8],
    /// Tokens until the next exception; not counted where none is left.
    until: u64,
    /// The token that it tells, if it does.
    told: Option<Token>,
    is_over: bool,
}

impl Reader<'_> {
    /// Reads the next exception.
    fn next(&mut self) -> Option<()> {
        if self.rest.is_empty() {
            self.is_over = true;
            return Some(());
        }
        let head = varint::take(&mut self.rest)?;
        self.until = head >> 1;
        self.told = None;
        if head & 1 == TOLD {
            let length = varint::take(&mut self.rest)?;
            self.told = Some(match length {
                0 => Token::LITERAL,
                3..=258 => {
                    let distance = varint::take(&mut self.rest).filter(|distance| (1..=1 << 15).contains(distance))?;
                    Token::copy(length as usize, distance as usize)
                }
                _ => return None,
            });
        }
        Some(())
    }
}

impl Judge for Reader<'_> {
    #[inline]
    fn hinted(&mut self, hint: Option<Token>) -> Option<Order> {
        if !self.is_over {
            if self.until == 0 {
                let told = self.told;
                self.next()?;
                return Some(told.map_or(Order::Search, Order::Take));
            }
            self.until -= 1;
        }
        Some(hint.map_or(Order::Search, Order::Take))
    }

    #[inline]
    fn searched(&mut self, found: Token, _: Option<Token>) -> Option<Token> {
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use deltaglider_testkit::codec_conformance::noise;
    use proptest::prelude::*;

    use super::super::zlib::{Family, Strategy};
    use super::*;
    use crate::deflate::samples::{sample, valid_stream};

    /// Every encoder that weighs its choices.
    fn encoders() -> Vec<Encoder> {
        let mut encoders = Vec::new();
        for family in [Family::Zlib, Family::Chromium, Family::Gzip] {
            for level in 4..=9 {
                let strategy = Strategy::Default;
                encoders.push(Encoder::Zlib(Parameters { family, level, memory: 8, strategy }));
            }
        }
        for (memory, strategy) in [(9, Strategy::Filtered), (3, Strategy::Fixed), (1, Strategy::Default)] {
            encoders.push(Encoder::Zlib(Parameters { family: Family::Zlib, level: 7, memory, strategy }));
        }
        encoders
    }

    fn deflate(encoder: Encoder, plain: &[u8]) -> Vec<u8> {
        encoder.deflate(plain, usize::MAX, None).expect("a stream")
    }

    /// Two versions: what is changed, put in, taken out, and what no encoder makes smaller.
    fn versions() -> (Vec<u8>, Vec<u8>) {
        let one = [&sample(130_000)[..], &noise(1, 40_000), &sample(100_000)[50_000..]].concat();
        let mut other = one.clone();
        for at in (500..other.len()).step_by(9_000) {
            other[at] ^= 1;
        }
        other.splice(60_000..60_200, *b"and something else");
        other.splice(20_000..20_000, sample(3_000).into_iter().rev());
        (one, other)
    }

    /// The side, after it was proven to give the stream.
    fn proven(encoder: Encoder, stream: &[u8], plain: &[u8], version: (&[u8], &[u8]), most: usize) -> Option<Vec<u8>> {
        let other = Version { number: 3, stream: version.0, plain: version.1 };
        let side = side(&[encoder.side()], stream, plain, other, most)?;
        let streams = |number| (number == 3).then_some(version.0);
        assert!(rebuild(plain, &side, stream.len(), &streams).as_deref() == Some(stream), "{encoder:?}");
        assert_eq!(rebuild(plain, &side, stream.len(), &|_| None), None, "without the other version");
        Some(side)
    }

    #[test]
    fn another_version_tells_nearly_all() {
        let (one, other) = versions();
        for encoder in encoders() {
            let (of_one, of_other) = (deflate(encoder, &one), deflate(encoder, &other));
            let side = proven(encoder, &of_one, &one, (&of_other, &other), 2000).expect("a side");
            assert!(side.len() < 600, "{encoder:?}: {}", side.len());
            let same = proven(encoder, &of_one, &one, (&of_one, &one), 100).expect("a side");
            assert_eq!(same.len(), SIDE + 2, "{encoder:?}");
        }
    }

    #[test]
    fn nothing_alike_costs_nothing_but_the_search() {
        let (one, _) = versions();
        let unlike = noise(9, 50_000);
        for encoder in encoders() {
            let stream = deflate(encoder, &one);
            let side = proven(encoder, &stream, &one, (&valid_stream(&unlike[..300]), &unlike), 2000);
            assert!(side.expect("a side").len() < 300, "{encoder:?}");
        }
    }

    #[test]
    fn the_window_moves_at_the_end_too() {
        // Three bytes never come again, so the second block begins in front of where the window starts when it has moved.
        let mut seen = std::collections::HashSet::new();
        let mut plain: Vec<u8> = Vec::new();
        for byte in noise(1, 70_000) {
            if let [.., a, b] = plain[..]
                && !seen.insert([a, b, byte])
            {
                continue;
            }
            plain.push(byte);
        }
        let encoder =
            Encoder::Zlib(Parameters { family: Family::Zlib, level: 6, memory: 9, strategy: Strategy::Default });
        for length in 65_273..65_278 {
            for copied in [0, 4] {
                let text = [&plain[..length - copied], &plain[length - 100..][..copied]].concat();
                let stream = deflate(encoder, &text);
                let side = proven(encoder, &stream, &text, (&stream, &text), 100).expect("a side");
                assert_eq!(side.len(), SIDE + 2, "{length} {copied}");
            }
        }
    }

    #[test]
    fn what_an_encoder_does_not_choose_is_told() {
        let (one, other) = versions();
        let [named, made] = [8, 9].map(|level| {
            let (family, memory, strategy) = (Family::Zlib, 8, Strategy::Default);
            Encoder::Zlib(Parameters { family, level, memory, strategy })
        });
        let (of_one, of_other) = (deflate(made, &one), deflate(made, &other));
        let version = (&of_other[..], &other[..]);
        let side = proven(named, &of_one, &one, version, 1 << 20).expect("a side");
        assert!(proven(named, &of_one, &one, version, side.len()).is_some());
        assert_eq!(proven(named, &of_one, &one, version, side.len() - 1), None, "the limit holds");
    }

    #[test]
    fn stretches_count_towards_the_limit() {
        let one = sample(200_000);
        let pieces: Vec<&[u8]> = one.chunks(1_000).flat_map(|piece| [piece, b"!"]).collect();
        let (other, encoder) = (pieces.concat(), encoders()[5]);
        let (of_one, of_other) = (deflate(encoder, &one), deflate(encoder, &other));
        let side = proven(encoder, &of_one, &one, (&of_other, &other), 5_000).expect("a side");
        assert!(side.len() > 400, "{}", side.len());
        assert_eq!(proven(encoder, &of_one, &one, (&of_other, &other), 300), None);
    }

    #[test]
    fn nothing_leads_farther_than_its_plaintext_allows() {
        let (plain, encoder) = (sample(100), encoders()[5]);
        let stream = deflate(encoder, &plain);
        for (from, is_given) in [(reach(100), true), (reach(100) + 1, false)] {
            let mut side = [&encoder.side()[..], &[0]].concat();
            guide::write(&[Stretch { at: 0, from }], &mut side);
            let made = rebuild(&plain, &side, stream.len(), &|_| Some(&stream));
            assert_eq!(made.is_some(), is_given, "{from}");
        }
    }

    #[test]
    fn encoders_that_do_not_weigh_are_not_guided() {
        let plain = sample(20_000);
        let fast = Parameters { family: Family::Zlib, level: 3, memory: 8, strategy: Strategy::Default };
        let repeats = Parameters { level: 6, strategy: Strategy::Rle, ..fast };
        for encoder in [Encoder::Zlib(fast), Encoder::Zlib(repeats), Encoder::Miniz { level: 6 }] {
            let stream = deflate(encoder, &plain);
            assert_eq!(proven(encoder, &stream, &plain, (&stream, &plain), 1000), None);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn damaged_sides_do_no_harm(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
            cut in any::<prop::sample::Index>(), plain_cut in any::<prop::sample::Index>(), choices in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let plain = sample(6_000);
            let mut other = plain.clone();
            other.splice(1_000..1_010, *b"something else");
            let encoder = encoders()[5];
            let (of_plain, of_other) = (deflate(encoder, &plain), deflate(encoder, &other));
            let version = Version { number: 0, stream: &of_other, plain: &other };
            let mut side = side(&[encoder.side()], &of_plain, &plain, version, 1000).expect("a side");
            side.extend_from_slice(&[3, 3, 1, 0, 9]);
            for (at, byte) in changes {
                let at = at.index(side.len());
                side[at] = byte;
            }
            let any = valid_stream(&choices);
            for other in [&of_other[..], &any, &choices, &[]] {
                for side in [&side[..], &side[..cut.index(side.len())]] {
                    for plain in [&plain[..], &plain[..plain_cut.index(plain.len())]] {
                        let made = rebuild(plain, side, of_plain.len(), &|_| Some(other));
                        prop_assert!(made.is_none_or(|made| made.len() == of_plain.len()));
                    }
                }
            }
        }
    }
}
