//! The codes that zlib would send for a block, from how often each symbol stands in it.
//!
//! After `build_tree`, `gen_bitlen` and `scan_tree` of zlib's `trees.c`, whose choices where several codes are equally
//! good most encoders have kept. `docs/formats/deflate-tokens.md` tells them in words.

use super::block::{END, Header, LENGTH_CODE_ORDER, Run};

/// How often each symbol stands in a block.
#[derive(Clone, Debug)]
pub(super) struct Frequencies {
    pub literals: [u32; 286],
    pub distances: [u32; 30],
}

impl Frequencies {
    /// Those of an empty block, which has its end only.
    pub(super) fn new() -> Self {
        let mut frequencies = Self { literals: [0; 286], distances: [0; 30] };
        frequencies.literals[END] = 1;
        frequencies
    }

    /// The codes that zlib would send.
    pub(super) fn header(&self) -> Header {
        let literals = lengths(&self.literals, 15);
        let distances = lengths(&self.distances, 15);
        let mut runs = Vec::new();
        push_runs(&mut runs, &literals);
        push_runs(&mut runs, &distances);
        let mut frequencies = [0; 19];
        for run in &runs {
            frequencies[usize::from(run.symbol)] += 1;
        }
        let by_symbol = lengths(&frequencies, 7);
        let length_of = |symbol: &usize| by_symbol.get(*symbol).copied().unwrap_or(0);
        let mut length_code: Vec<u8> = LENGTH_CODE_ORDER.iter().map(length_of).collect();
        while length_code.len() > 4 && length_code.last() == Some(&0) {
            length_code.pop();
        }
        Header { literals: literals.len(), distances: distances.len(), length_code, runs }
    }
}

/// Code lengths up to the last symbol that has one; at least two symbols get one.
fn lengths(frequencies: &[u32], longest: usize) -> Vec<u8> {
    let mut tree = Tree::new(frequencies);
    tree.join();
    tree.lengths(longest)
}

/// Leaves first, then the nodes that join two.
struct Tree {
    frequencies: Vec<u32>,
    depths: Vec<u8>,
    parents: Vec<usize>,
    /// Nodes not joined yet, as a heap from index 1: the rarest, then the flattest, is on top.
    heap: Vec<usize>,
    /// Nodes in the order in which they were joined.
    order: Vec<usize>,
    /// Symbols up to the last that has a code.
    leaves: usize,
    symbols: usize,
}

impl Tree {
    fn new(frequencies: &[u32]) -> Self {
        let symbols = frequencies.len();
        let mut heap = vec![0];
        heap.extend((0..symbols).filter(|symbol| frequencies[*symbol] > 0));
        let mut leaves = frequencies.iter().rposition(|frequency| *frequency > 0).map_or(0, |last| last + 1);
        let mut frequencies = frequencies.to_vec();
        while heap.len() < 3 {
            // A code of less than two symbols gets others, the next one after the last while it is below 3: old decoders
            // want two.
            let symbol = if leaves < 3 { leaves } else { 0 };
            leaves = leaves.max(symbol + 1);
            frequencies[symbol] = 1;
            heap.push(symbol);
        }
        let mut tree = Self {
            frequencies,
            depths: vec![0; symbols],
            parents: vec![0; symbols],
            heap,
            order: Vec::new(),
            leaves,
            symbols,
        };
        for place in (1..=(tree.heap.len() - 1) / 2).rev() {
            tree.sink(place);
        }
        tree
    }

    /// Whether node `a` is joined before `b`.
    fn before(&self, a: usize, b: usize) -> bool {
        (self.frequencies[a], self.depths[a]) <= (self.frequencies[b], self.depths[b])
    }

    /// Moves the node at `place` of the heap down to where it belongs.
    fn sink(&mut self, mut place: usize) {
        let node = self.heap[place];
        let end = self.heap.len();
        while 2 * place < end {
            let mut child = 2 * place;
            if child + 1 < end && self.before(self.heap[child + 1], self.heap[child]) {
                child += 1;
            }
            if self.before(node, self.heap[child]) {
                break;
            }
            self.heap[place] = self.heap[child];
            place = child;
        }
        self.heap[place] = node;
    }

    /// Joins the two nodes that come first until one is left.
    fn join(&mut self) {
        while self.heap.len() > 2 {
            let first = self.heap.swap_remove(1);
            self.sink(1);
            let second = self.heap[1];
            self.order.extend([first, second]);
            let node = self.frequencies.len();
            self.frequencies.push(self.frequencies[first].saturating_add(self.frequencies[second]));
            self.depths.push(self.depths[first].max(self.depths[second]).saturating_add(1));
            self.parents.push(0);
            self.parents[first] = node;
            self.parents[second] = node;
            self.heap[1] = node;
            self.sink(1);
        }
        self.order.push(self.heap[1]);
        self.order.reverse();
    }

    /// Lengths of the leaves, none over `longest`.
    fn lengths(&self, longest: usize) -> Vec<u8> {
        let mut lengths = vec![0usize; self.frequencies.len()];
        let mut counts = [0usize; 17];
        let mut overflow = 0isize;
        for &node in &self.order[1..] {
            let length = lengths[self.parents[node]] + 1;
            if length > longest {
                overflow += 1;
            }
            lengths[node] = length.min(longest);
            if node < self.symbols {
                counts[lengths[node]] += 1;
            }
        }
        if overflow > 0 {
            while overflow > 0 {
                let Some(shorter) = (1..longest).rev().find(|length| counts[*length] > 0) else { break };
                counts[shorter] -= 1;
                counts[shorter + 1] += 2;
                counts[longest] -= 1;
                overflow -= 2;
            }
            let mut leaves = self.order.iter().rev().filter(|node| **node < self.symbols);
            for length in (1..=longest).rev() {
                for &leaf in leaves.by_ref().take(counts[length]) {
                    lengths[leaf] = length;
                }
            }
        }
        lengths[..self.leaves].iter().map(|length| *length as u8).collect()
    }
}

/// Appends the lengths, runs of equal ones joined as zlib joins them.
fn push_runs(runs: &mut Vec<Run>, lengths: &[u8]) {
    let mut before = None;
    let mut count = 0;
    let (mut most, mut least) = if lengths[0] == 0 { (138, 3) } else { (7, 4) };
    for (symbol, &length) in lengths.iter().enumerate() {
        let next = lengths.get(symbol + 1);
        count += 1;
        if count < most && next == Some(&length) {
            continue;
        }
        if count < least {
            runs.extend(std::iter::repeat_n(Run { symbol: length, extra: 0 }, count));
        } else if length != 0 {
            if before != Some(length) {
                runs.push(Run { symbol: length, extra: 0 });
                count -= 1;
            }
            runs.push(Run { symbol: 16, extra: (count - 3) as u8 });
        } else if count <= 10 {
            runs.push(Run { symbol: 17, extra: (count - 3) as u8 });
        } else {
            runs.push(Run { symbol: 18, extra: (count - 11) as u8 });
        }
        count = 0;
        before = Some(length);
        (most, least) = match next {
            Some(0) => (138, 3),
            Some(next) if *next == length => (6, 3),
            _ => (7, 4),
        };
    }
}
