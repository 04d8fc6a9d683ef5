//! The cache in memory under threads: what they do, in whichever order, is what a model does in some order that keeps theirs.
//!
//! Each run makes a short program for every thread, and notes when each step of it began and ended and what it gave. Then an order
//! of all steps is looked for that keeps to these times and in which the model gives the same, down to the order of use in the end.

use deltaglider_core::Sha256;
use deltaglider_core::keys::KeyError;
use shuttle::current::context_switches;
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

use super::*;
use crate::schedules;
use crate::sealed::{Contents, Subject};

const THREADS: u8 = 3;
const NAMES: u8 = 3;
const IDS: u8 = 2 * THREADS;
const SIZES: [u64; 2] = [100, 300];
/// Room for two entries and a little.
const BUDGET: u64 = 2 * (HEADER_LENGTH as u64 + 300) + 100;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Begins an entry of so many bytes under an id.
    Begin(u8, u64),
    /// Publishes what was begun under an id, if it was, as one of the names.
    Publish(u8, u8),
    /// Lets go of what was begun under an id.
    Drop(u8),
    Use(u8),
    /// Removes a name, if its entry is the one of an id where that is given.
    Remove(u8, Option<u8>),
    /// Puts a name in the place of another, if the entry is that of an id.
    Rename(u8, u8, u8),
    Prune(u64),
    Clear,
    /// Checks what holds at any moment.
    Look,
}

/// What a step gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gave {
    Nothing,
    Whether(bool),
    Bytes(Option<u64>),
    Freed(Freed),
    /// The id of the entry that was found.
    Found(Option<u8>),
}

/// A step that was taken, and the time from its beginning to its end.
#[derive(Clone, Copy, Debug)]
struct Taken {
    step: Step,
    gave: Gave,
    time: (usize, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    name: u8,
    id: u8,
    bytes: u64,
}

/// The least recently used first.
#[derive(Clone, Debug, Default)]
struct Model {
    kept: Vec<Kept>,
    /// Id, bytes reserved, and the clears before it.
    begun: Vec<(u8, u64, u64)>,
    clears: u64,
    evicted: u64,
}

impl Model {
    fn bytes(&self) -> u64 {
        self.kept.iter().map(|kept| kept.bytes).sum()
    }

    fn reserved(&self) -> u64 {
        self.begun.iter().map(|(_, bytes, _)| bytes).sum()
    }

    fn place(&self, name: u8) -> Option<usize> {
        self.kept.iter().position(|kept| kept.name == name)
    }

    fn place_of(&self, name: u8, id: u8) -> Option<usize> {
        self.place(name).filter(|&at| self.kept[at].id == id)
    }

    fn end(&mut self, id: u8) -> Option<(u64, u64)> {
        let at = self.begun.iter().position(|(begun, ..)| *begun == id)?;
        let (_, bytes, clears) = self.begun.remove(at);
        Some((bytes, clears))
    }

    fn evict_to(&mut self, bytes: u64) -> Freed {
        let mut freed = Freed::default();
        while self.bytes() > bytes {
            freed.bytes += self.kept.remove(0).bytes;
            freed.entries += 1;
        }
        self.evicted += freed.entries;
        freed
    }

    fn take(&mut self, step: Step) -> Gave {
        match step {
            Step::Begin(id, length) => {
                let bytes = length + HEADER_LENGTH as u64;
                let fits = self.reserved() + bytes <= BUDGET;
                if fits {
                    self.evict_to(BUDGET - self.reserved() - bytes);
                    self.begun.push((id, bytes, self.clears));
                }
                Gave::Whether(fits)
            }
            Step::Publish(id, name) => {
                if let Some((bytes, clears)) = self.end(id)
                    && clears == self.clears
                    && self.place(name).is_none()
                {
                    self.kept.push(Kept { name, id, bytes });
                }
                Gave::Nothing
            }
            Step::Drop(id) => {
                self.end(id);
                Gave::Nothing
            }
            Step::Use(name) => Gave::Found(self.place(name).map(|at| {
                let used = self.kept.remove(at);
                self.kept.push(used);
                self.kept[self.kept.len() - 1].id
            })),
            Step::Remove(name, id) => {
                let place = id.map_or_else(|| self.place(name), |id| self.place_of(name, id));
                Gave::Bytes(place.map(|at| self.kept.remove(at).bytes))
            }
            Step::Rename(old, new, id) => {
                let Some(at) = self.place_of(old, id) else { return Gave::Whether(false) };
                if self.place(new).is_some() {
                    self.kept.remove(at);
                } else {
                    self.kept[at].name = new;
                }
                Gave::Whether(true)
            }
            Step::Look => Gave::Nothing,
            Step::Prune(bytes) => Gave::Freed(self.evict_to(bytes)),
            Step::Clear => {
                let freed = Freed { entries: self.kept.len() as u64, bytes: self.bytes(), failed: 0 };
                self.kept.clear();
                self.clears += 1;
                Gave::Freed(freed)
            }
        }
    }
}

fn name(name: u8) -> EntryName {
    EntryName([name; 20])
}

fn id(id: u8) -> EntryId {
    EntryId([id; 16])
}

/// A header of its right shape.
fn header(of: u8) -> Vec<u8> {
    let key = deltaglider_core::keys::CacheEncryptionKey::fill_with(|key| {
        key.fill(1);
        Ok::<_, KeyError>(())
    });
    let subject = Subject { digest: Sha256([0; 32]), form: "stored".to_owned() };
    let contents =
        Contents { entry: id(of), data_key: [of; 32].into(), sha256: Sha256([0; 32]), length: 0, created: 0 };
    sealed::seal(&key.expect("filled"), &subject, &contents, [0; 12]).expect("a short form").to_vec()
}

/// The headers by id: making them takes longer than a run.
fn headers() -> &'static [Vec<u8>] {
    static HEADERS: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    HEADERS.get_or_init(|| (0..IDS).map(header).collect())
}

/// One thread's view of the store.
struct Worker {
    store: Arc<MemoryEntries>,
    drafts: HashMap<u8, (Box<dyn Draft>, u64)>,
    taken: Vec<Taken>,
}

impl Worker {
    fn run(store: Arc<MemoryEntries>, program: Vec<Step>) -> Vec<Taken> {
        let mut worker = Self { store, drafts: HashMap::new(), taken: Vec::new() };
        for step in program {
            let began = context_switches();
            let gave = worker.take(step);
            worker.taken.push(Taken { step, gave, time: (began, context_switches()) });
        }
        worker.taken
    }

    fn take(&mut self, step: Step) -> Gave {
        match step {
            Step::Begin(number, length) => match self.store.draft(id(number), length) {
                Ok(draft) => {
                    self.drafts.insert(number, (draft, length));
                    Gave::Whether(true)
                }
                Err(CacheError::NoSpace) => Gave::Whether(false),
                Err(error) => panic!("{error}"),
            },
            Step::Publish(number, as_name) => {
                if let Some((mut draft, length)) = self.drafts.remove(&number) {
                    draft.write_all(&vec![number; length as usize]).expect("as announced");
                    let body = draft.publish(name(as_name), &headers()[usize::from(number)]).expect("published");
                    assert_eq!(body.as_slice(), Some(&*vec![number; length as usize]));
                }
                Gave::Nothing
            }
            Step::Drop(number) => {
                self.drafts.remove(&number);
                Gave::Nothing
            }
            Step::Use(number) => {
                let header = self.store.header(name(number)).expect("it does not fail");
                Gave::Found(header.map(|header| sealed::peek(&header).expect("its shape").entry.0[0]))
            }
            Step::Remove(number, id) => {
                let expected = id.map(|id| &*headers()[usize::from(id)]);
                Gave::Bytes(self.store.remove(name(number), expected).expect("it does not fail"))
            }
            Step::Rename(old, new, id) => {
                let header = &headers()[usize::from(id)];
                let replaced = self.store.replace(name(old), header, name(new), header);
                Gave::Whether(replaced.expect("it does not fail"))
            }
            Step::Prune(bytes) => {
                let policy = PrunePolicy { max_bytes: Some(bytes), max_idle: None };
                Gave::Freed(self.store.prune(&policy).expect("it does not fail"))
            }
            Step::Clear => Gave::Freed(self.store.clear().expect("it does not fail")),
            Step::Look => {
                check(&self.store.held());
                Gave::Nothing
            }
        }
    }
}

/// What holds at any moment.
fn check(held: &Held) {
    assert!(held.bytes + held.reserved <= BUDGET, "over budget: {} and {} reserved", held.bytes, held.reserved);
    assert_eq!((held.bodies.len(), held.order.len()), (held.entries.len(), held.entries.len()));
    let mut bytes = 0;
    for (name, entry) in &held.entries {
        assert_eq!(held.order.get(&entry.turn), Some(name));
        let body = &held.bodies[&entry.id];
        assert!(body.iter().all(|&byte| byte == entry.id.0[0]), "somebody else's bytes");
        bytes += size(&entry.header, body);
    }
    assert_eq!(held.bytes, bytes);
}

/// What is kept, the least recently used first.
fn kept(held: &Held) -> Vec<Kept> {
    let entries = held.order.values().map(|name| (name, &held.entries[name]));
    entries
        .map(|(name, entry)| Kept {
            name: name.0[0],
            id: entry.id.0[0],
            bytes: size(&entry.header, &held.bodies[&entry.id]),
        })
        .collect()
}

/// Whether the model, going on from here, gives what was given in some order that keeps the times, and ends as the store did.
fn explained(model: &Model, rest: &[&[Taken]], held: &Held) -> bool {
    if rest.iter().all(|taken| taken.is_empty()) {
        return model.kept == kept(held) && model.evicted == held.evicted.budget.get();
    }
    let first_end = rest.iter().filter_map(|taken| taken.first()).map(|taken| taken.time.1).min();
    (0..rest.len()).any(|at| {
        let Some((next, others)) = rest[at].split_first() else { return false };
        let mut model = model.clone();
        if Some(next.time.0) > first_end || model.take(next.step) != next.gave {
            return false;
        }
        let mut rest = rest.to_vec();
        rest[at] = others;
        explained(&model, &rest, held)
    })
}

fn random_step() -> Step {
    let mut random = thread_rng();
    let (first, second) = (random.gen_range(0..NAMES), random.gen_range(0..NAMES));
    let id = random.gen_range(0..IDS);
    match random.gen_range(0..14) {
        0..5 => Step::Use(first),
        5 => Step::Remove(first, None),
        6 => Step::Remove(first, Some(id)),
        7..9 => Step::Rename(first, second, id),
        9..11 => Step::Prune(random.gen_range(0..BUDGET)),
        11..13 => Step::Look,
        _ => Step::Clear,
    }
}

/// Two inserts, which may be let go of, with something else anywhere between.
fn random_program(thread: u8) -> Vec<Step> {
    let mut program = Vec::new();
    for id in [2 * thread, 2 * thread + 1] {
        let (length, name) = (SIZES[thread_rng().gen_range(0..SIZES.len())], thread_rng().gen_range(0..NAMES));
        program.push(Step::Begin(id, length));
        program.push(if thread_rng().gen_range(0..6) == 0 { Step::Drop(id) } else { Step::Publish(id, name) });
    }
    for _ in 0..2 {
        program.insert(thread_rng().gen_range(0..=program.len()), random_step());
    }
    program
}

fn run(programs: Vec<Vec<Step>>) {
    let store = Arc::new(MemoryEntries::new(MemoryConfig::new(BUDGET)));
    let threads: Vec<_> = programs
        .into_iter()
        .map(|program| {
            let store = Arc::clone(&store);
            thread::spawn(move || Worker::run(store, program))
        })
        .collect();
    let taken: Vec<Vec<Taken>> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
    let held = store.held();
    check(&held);
    assert_eq!(held.reserved, 0, "all drafts have ended");
    let rest: Vec<&[Taken]> = taken.iter().map(Vec::as_slice).collect();
    assert!(explained(&Model::default(), &rest, &held), "no order explains {taken:#?}, which left {:?}", kept(&held));
}

#[test]
fn threads_do_what_the_model_does_in_some_order() {
    headers();
    schedules::many(10_000, || run((0..THREADS).map(random_program).collect()));
}

#[test]
fn an_insert_and_a_clear_in_every_order() {
    headers();
    let runs = schedules::every(|| {
        run(vec![vec![Step::Begin(0, SIZES[1]), Step::Publish(0, 0)], vec![Step::Clear, Step::Use(0)]]);
    });
    assert!(runs > 100, "{runs}");
}

#[test]
fn two_inserts_of_more_than_there_is_room_for_in_every_order() {
    headers();
    let insert = |id: u8| vec![Step::Begin(id, 900), Step::Publish(id, id)];
    let runs = schedules::every(move || run(vec![insert(0), insert(1)]));
    assert!(runs > 100, "{runs}");
}
