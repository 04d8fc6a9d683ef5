//! FGK: an adaptive Huffman code (Knuth, *Dynamic Huffman Coding*, 1985) that goes on from section to section.
//!
//! Nodes stand in the order of their weights. Those of one weight are a block, whose leader stands furthest to the front: before a
//! node gains weight, it takes its leader's place. All symbols that have not been seen are one leaf of weight 0; which of them is
//! meant follows as a number. Where xdelta3 keeps blocks apart that have come to the same weight, so does this.

/// Symbols are leaves with their own number.
const SYMBOLS: u16 = 256;
/// The leaf of what has not been seen.
const UNSEEN: u16 = 2 * SYMBOLS;
const NODES: usize = UNSEEN as usize + 1;
const NONE: u16 = u16::MAX;

/// What both sides know after each symbol.
pub(in crate::vcdiff) struct Tree {
    weight: [u32; NODES],
    parent: [u16; NODES],
    /// Left and right; of a leaf, none.
    children: [[u16; 2]; NODES],
    block: [u16; NODES],
    leader: [u16; 2 * NODES],
    free_blocks: Vec<u16>,
    /// The root first, the lightest last.
    order: Vec<u16>,
    place: [u16; NODES],
    root: u16,
    inner: u16,
    unseen: Vec<u8>,
}

impl Default for Tree {
    fn default() -> Self {
        Self {
            weight: [0; NODES],
            parent: [NONE; NODES],
            children: [[NONE; 2]; NODES],
            block: [NONE; NODES],
            leader: [NONE; 2 * NODES],
            free_blocks: (0..2 * NODES as u16).rev().collect(),
            order: vec![UNSEEN],
            place: [0; NODES],
            root: UNSEEN,
            inner: SYMBOLS,
            unseen: (0..=u8::MAX).collect(),
        }
    }
}

impl Tree {
    /// Fills `section` from exactly these bytes; `None` where they are not what FGK writes.
    pub(in crate::vcdiff) fn unpack(&mut self, packed: &[u8], section: &mut [u8]) -> Option<()> {
        let mut bits = packed.iter().flat_map(|byte| (0..8).map(move |at| usize::from(byte >> at & 1)));
        let mut read = 0_usize;
        let mut next = || {
            read += 1;
            bits.next()
        };
        for byte in section {
            let mut node = self.root;
            while self.children[usize::from(node)][0] != NONE {
                node = self.children[usize::from(node)][next()?];
            }
            let symbol = if node == UNSEEN {
                let number = (0..bits_of(self.unseen.len())).try_fold(0, |number, _| Some(number << 1 | next()?))?;
                *self.unseen.get(number)?
            } else {
                node as u8
            };
            self.count(symbol)?;
            *byte = symbol;
        }
        (read.div_ceil(8) == packed.len()).then_some(())
    }

    /// Adds to the weight of a symbol and all that is above it.
    fn count(&mut self, symbol: u8) -> Option<()> {
        let mut node = u16::from(symbol);
        if self.weight[usize::from(node)] == 0 {
            self.see(symbol)?;
        }
        while node != self.root {
            self.lead(node);
            self.promote(node)?;
            self.weight[usize::from(node)] += 1;
            node = self.parent[usize::from(node)];
        }
        self.weight[usize::from(node)] = self.weight[usize::from(node)].checked_add(1)?;
        Some(())
    }

    /// Gives a symbol a leaf of its own.
    fn see(&mut self, symbol: u8) -> Option<()> {
        let leaf = u16::from(symbol);
        self.unseen.retain(|other| *other != symbol);
        let parent = self.parent[usize::from(UNSEEN)];
        self.order.pop();
        if self.unseen.is_empty() {
            self.hang(leaf, UNSEEN, parent);
            self.append(leaf);
            return self.join(leaf);
        }
        let inner = self.inner;
        self.inner += 1;
        self.hang(inner, UNSEEN, parent);
        self.append(inner);
        if parent == NONE {
            self.root = inner;
            self.block[usize::from(leaf)] = self.new_block(leaf)?;
            self.block[usize::from(inner)] = self.new_block(inner)?;
        } else {
            self.join(inner)?;
            self.block[usize::from(leaf)] = self.block[usize::from(inner)];
        }
        self.append(leaf);
        self.append(UNSEEN);
        self.children[usize::from(inner)] = [UNSEEN, leaf];
        self.parent[usize::from(leaf)] = inner;
        self.parent[usize::from(UNSEEN)] = inner;
        Some(())
    }

    /// Puts a node below `parent` in the place of another one.
    fn hang(&mut self, node: u16, instead: u16, parent: u16) {
        self.parent[usize::from(node)] = parent;
        if parent != NONE {
            let children = &mut self.children[usize::from(parent)];
            children[usize::from(children[1] == instead)] = node;
        }
    }

    fn append(&mut self, node: u16) {
        self.place[usize::from(node)] = self.order.len() as u16;
        self.order.push(node);
    }

    /// The node before this one, which is at least as heavy.
    fn heavier(&self, node: u16) -> u16 {
        self.order[usize::from(self.place[usize::from(node)]) - 1]
    }

    /// The node behind this one.
    fn lighter(&self, node: u16) -> u16 {
        self.order.get(usize::from(self.place[usize::from(node)]) + 1).copied().unwrap_or(NONE)
    }

    /// A node that is about to have weight 1 joins the block of that weight.
    fn join(&mut self, node: u16) -> Option<()> {
        let before = self.heavier(node);
        self.block[usize::from(node)] = match self.weight[usize::from(before)] {
            1 => self.block[usize::from(before)],
            _ => self.new_block(node)?,
        };
        Some(())
    }

    /// Moves a node to the front of its block.
    fn lead(&mut self, node: u16) {
        let block = usize::from(self.block[usize::from(node)]);
        let leader = self.leader[block];
        let parent = self.parent[usize::from(node)];
        if leader == node || leader == parent || self.weight[usize::from(node)] == 0 {
            return;
        }
        let places = [node, leader].map(|node| usize::from(self.place[usize::from(node)]));
        self.order.swap(places[0], places[1]);
        self.place.swap(usize::from(node), usize::from(leader));
        let (other, side) = (self.parent[usize::from(leader)], |tree: &Self, parent: u16, child| {
            usize::from(tree.children[usize::from(parent)][1] == child)
        });
        let sides = (side(self, parent, node), side(self, other, leader));
        self.children[usize::from(parent)][sides.0] = leader;
        self.children[usize::from(other)][sides.1] = node;
        self.parent[usize::from(node)] = other;
        self.parent[usize::from(leader)] = parent;
        self.leader[block] = node;
    }

    /// Moves a node, which leads its block, into the block of the next weight.
    fn promote(&mut self, node: u16) -> Option<()> {
        let weight = self.weight[usize::from(node)];
        if weight == 0 {
            return Some(());
        }
        let (before, behind) = (self.heavier(node), self.lighter(node));
        let block = self.block[usize::from(node)];
        let joins = self.weight[usize::from(before)] == weight + 1 && before != self.root;
        let [left, right] = self.children[usize::from(node)];
        if left == UNSEEN && behind == right {
            // Its other child is as heavy, and has moved already.
            if joins {
                self.free_blocks.push(block);
                self.block[usize::from(node)] = self.block[usize::from(before)];
                self.block[usize::from(behind)] = self.block[usize::from(before)];
            }
            return Some(());
        }
        let last = if self.unseen.is_empty() { NONE } else { UNSEEN };
        if behind == last {
            return Some(());
        }
        if self.block[usize::from(behind)] == block {
            self.leader[usize::from(block)] = behind;
        } else {
            self.free_blocks.push(block);
        }
        self.block[usize::from(node)] = if joins { self.block[usize::from(before)] } else { self.new_block(node)? };
        Some(())
    }

    fn new_block(&mut self, leader: u16) -> Option<u16> {
        let block = self.free_blocks.pop()?;
        self.leader[usize::from(block)] = leader;
        Some(block)
    }
}

/// Bits of a number that tells one of so many symbols.
fn bits_of(symbols: usize) -> u32 {
    symbols.next_power_of_two().trailing_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_unpacked_or_refused() {
        for seed in 0..500 {
            let packed = deltaglider_testkit::codec_conformance::noise(seed, 1000);
            let mut tree = Tree::default();
            for length in [1, 7, 400, 1, 900] {
                tree.unpack(&packed, &mut vec![0; length]);
            }
        }
        assert_eq!(Tree::default().unpack(&[], &mut [0]), None);
    }
}
