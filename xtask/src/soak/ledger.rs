//! What was acknowledged, and so what may be read: the checker.
//!
//! Each name is a register. A write that was acknowledged takes effect at some time between its beginning and its end; one that was
//! not (killed, or failed) at some time after its beginning, or never, and until its process has been dead for a while. A read may
//! give whatever is not certainly older than an acknowledged write that had ended when the read began.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Number of a content; none where nothing is under the name.
pub(super) type Value = Option<u64>;
/// Lines that are kept for each name.
const LINES: usize = 400;

/// Every name with its writes.
#[derive(Debug)]
pub(super) struct Ledger {
    names: Mutex<Vec<Register>>,
    began: Instant,
}

#[derive(Debug, Default)]
struct Register {
    writes: Vec<Write>,
    next: u64,
    log: VecDeque<String>,
}

#[derive(Clone, Debug)]
struct Write {
    id: u64,
    values: Vec<Value>,
    /// Whose content it takes, as long as it runs.
    from: Option<usize>,
    begun: Instant,
    /// When it can have no effect any more.
    ended: Option<Instant>,
    acknowledged: bool,
    /// It changes the form of what is there and no content.
    converts: bool,
}

/// A write under way.
#[derive(Debug)]
pub(super) struct Ticket {
    name: usize,
    id: u64,
}

impl Ticket {
    /// The name that is written.
    pub(super) fn name(&self) -> usize {
        self.name
    }
}

/// What may be read under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) values: Vec<Value>,
    /// Some of it was never acknowledged.
    pub(super) doubtful: bool,
}

impl Ledger {
    /// Nothing is under any of so many names.
    pub(super) fn new(names: usize) -> Self {
        let ledger = Self { names: Mutex::new(Vec::new()), began: Instant::now() };
        ledger.names().resize_with(names, Register::default);
        (0..names).for_each(|name| ledger.settle(name, None));
        ledger
    }

    /// Begins a write that puts one of these values under the name.
    pub(super) fn begin(&self, name: usize, values: &[Value], what: &str) -> Ticket {
        self.begin_from(name, values, None, false, what)
    }

    /// Begins a change of the form of what is under the name: what is deleted meanwhile may come back by it.
    pub(super) fn begin_conversion(&self, name: usize, what: &str) -> Ticket {
        let values = self.allowed(name, Instant::now()).values;
        self.begin_from(name, &values, Some(name), true, what)
    }

    /// Begins a write of what is under another name, whatever is written there meanwhile.
    pub(super) fn begin_copy(&self, name: usize, from: usize, what: &str) -> Ticket {
        let values = self.allowed(from, Instant::now()).values;
        self.begin_from(name, &values, Some(from), false, what)
    }

    fn begin_from(&self, name: usize, values: &[Value], from: Option<usize>, converts: bool, what: &str) -> Ticket {
        let mut names = self.names();
        let register = &mut names[name];
        register.next += 1;
        let id = register.next;
        self.note(register, &format!("{id} begins: {what}, {}", shown(values)));
        let begun = Instant::now();
        register.writes.push(Write {
            id,
            values: values.to_vec(),
            from,
            begun,
            ended: None,
            acknowledged: false,
            converts,
        });
        // Whoever copies from this name may get what comes now, and whoever copies from there as well.
        let (mut sources, mut seen) = (vec![name], vec![name]);
        while let Some(source) = sources.pop() {
            for (reached, register) in names.iter_mut().enumerate() {
                let copies = register.writes.iter_mut().filter(|w| w.ended.is_none() && w.from == Some(source));
                for copy in copies {
                    copy.values.extend(values.iter().copied());
                    copy.values.sort_unstable();
                    copy.values.dedup();
                    if !seen.contains(&reached) {
                        seen.push(reached);
                        sources.push(reached);
                    }
                }
            }
        }
        Ticket { name, id }
    }

    /// Ends a write; what was not acknowledged may take effect within the grace.
    pub(super) fn end(&self, ticket: &Ticket, acknowledged: bool, grace: Duration, what: &str) {
        let mut names = self.names();
        let register = &mut names[ticket.name];
        self.note(register, &format!("{} ends: {what}", ticket.id));
        if let Some(write) = register.writes.iter_mut().find(|write| write.id == ticket.id) {
            // What is converted is what was there: it never takes the place of anything.
            write.acknowledged = acknowledged && !write.converts;
            write.ended = Some(Instant::now() + if acknowledged { Duration::ZERO } else { grace });
        }
    }

    /// What a read may give that began then and ends now.
    pub(super) fn allowed(&self, name: usize, began: Instant) -> Allowed {
        let mut names = self.names();
        let register = &mut names[name];
        let writes = &register.writes;
        let surely = |before: Instant| {
            // The latest beginning of an acknowledged write that had ended by then: whatever ended before it is gone.
            let sure = writes.iter().filter(|write| write.acknowledged && write.ended.is_some_and(|end| end < before));
            sure.map(|write| write.begun).max()
        };
        let gone =
            |write: &Write, sure: Option<Instant>| sure.zip(write.ended).is_some_and(|(begun, ended)| ended < begun);
        let sure = surely(began);
        let live: Vec<&Write> = writes.iter().filter(|write| !gone(write, sure)).collect();
        let mut values: Vec<Value> = live.iter().flat_map(|write| write.values.iter().copied()).collect();
        values.sort_unstable();
        values.dedup();
        let doubtful = live.iter().any(|write| !write.acknowledged && !write.converts);
        Allowed { values, doubtful }
    }

    /// Every write is over, and this was read: it is what the name holds.
    pub(super) fn settle(&self, name: usize, value: Value) {
        let mut names = self.names();
        let register = &mut names[name];
        self.note(register, &format!("settled: {}", shown(&[value])));
        let begun = Instant::now();
        register.writes = vec![Write {
            id: 0,
            values: vec![value],
            from: None,
            begun,
            ended: Some(begun),
            acknowledged: true,
            converts: false,
        }];
    }

    /// Adds a line to what is told of a name.
    pub(super) fn say(&self, name: usize, line: &str) {
        let mut names = self.names();
        self.note(&mut names[name], line);
    }

    /// What happened to a name.
    pub(super) fn story(&self, name: usize) -> String {
        self.names()[name].log.iter().map(|line| format!("{line}\n")).collect()
    }

    fn note(&self, register: &mut Register, line: &str) {
        if register.log.len() == LINES {
            register.log.pop_front();
        }
        register.log.push_back(format!("{:10.3} {line}", self.began.elapsed().as_secs_f64()));
    }

    fn names(&self) -> MutexGuard<'_, Vec<Register>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Values as a log tells them.
pub(super) fn shown(values: &[Value]) -> String {
    let shown = values.iter().map(|value| value.map_or("nothing".to_owned(), |number| format!("#{number}")));
    shown.collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    fn now() -> Instant {
        std::thread::sleep(SOON);
        Instant::now()
    }

    fn values(ledger: &Ledger, name: usize) -> Vec<Value> {
        ledger.allowed(name, now()).values
    }

    #[test]
    fn what_was_acknowledged_last_is_read() {
        let ledger = Ledger::new(1);
        for number in [1, 2] {
            let ticket = ledger.begin(0, &[Some(number)], "put");
            ledger.end(&ticket, true, SOON, "done");
        }
        assert_eq!(values(&ledger, 0), [Some(2)]);
        let removal = ledger.begin(0, &[None], "rm");
        assert_eq!(values(&ledger, 0), [None, Some(2)]);
        ledger.end(&removal, true, SOON, "done");
        assert_eq!(ledger.allowed(0, now()), Allowed { values: vec![None], doubtful: false });
    }

    #[test]
    fn of_two_at_the_same_time_either_may_be_last() {
        let ledger = Ledger::new(1);
        let (first, second) = (ledger.begin(0, &[Some(1)], "put"), ledger.begin(0, &[Some(2)], "put"));
        ledger.end(&second, true, SOON, "done");
        now();
        ledger.end(&first, true, SOON, "done");
        assert_eq!(values(&ledger, 0), [Some(1), Some(2)]);
    }

    #[test]
    fn a_read_that_began_earlier_may_see_what_was_there() {
        let ledger = Ledger::new(1);
        let began = now();
        let ticket = ledger.begin(0, &[Some(1)], "put");
        ledger.end(&ticket, true, SOON, "done");
        assert_eq!(ledger.allowed(0, began).values, [None, Some(1)]);
    }

    #[test]
    fn what_was_killed_may_be_there_until_it_is_overwritten() {
        let ledger = Ledger::new(1);
        let killed = ledger.begin(0, &[Some(1)], "put");
        ledger.end(&killed, false, Duration::ZERO, "killed");
        now();
        assert_eq!(ledger.allowed(0, now()), Allowed { values: vec![None, Some(1)], doubtful: true });
        let ticket = ledger.begin(0, &[Some(2)], "put");
        ledger.end(&ticket, true, SOON, "done");
        assert_eq!(values(&ledger, 0), [Some(2)]);
    }

    #[test]
    fn what_was_killed_may_come_late() {
        let ledger = Ledger::new(1);
        let killed = ledger.begin(0, &[Some(1)], "put");
        ledger.end(&killed, false, Duration::from_secs(60), "killed");
        let ticket = ledger.begin(0, &[Some(2)], "put");
        ledger.end(&ticket, true, SOON, "done");
        assert_eq!(values(&ledger, 0), [Some(1), Some(2)]);
    }

    #[test]
    fn a_conversion_may_bring_back_what_is_deleted_meanwhile() {
        let ledger = Ledger::new(1);
        let put = ledger.begin(0, &[Some(1)], "put");
        ledger.end(&put, true, SOON, "done");
        now();
        let conversion = ledger.begin_conversion(0, "rehydrate");
        let removal = ledger.begin(0, &[None], "rm");
        ledger.end(&removal, true, SOON, "done");
        now();
        ledger.end(&conversion, true, SOON, "done");
        assert_eq!(ledger.allowed(0, now()), Allowed { values: vec![None, Some(1)], doubtful: false });
        let put = ledger.begin(0, &[Some(2)], "put");
        ledger.end(&put, true, SOON, "done");
        assert_eq!(values(&ledger, 0), [Some(2)]);
    }

    #[test]
    fn a_copy_may_have_what_is_written_meanwhile() {
        let ledger = Ledger::new(3);
        let copy = ledger.begin_copy(1, 0, "cp");
        let further = ledger.begin_copy(2, 1, "cp");
        let put = ledger.begin(0, &[Some(1)], "put");
        ledger.end(&put, true, SOON, "done");
        ledger.end(&copy, true, SOON, "done");
        ledger.end(&further, true, SOON, "done");
        assert_eq!(values(&ledger, 1), [None, Some(1)]);
        assert_eq!(values(&ledger, 2), [None, Some(1)]);
        let late = ledger.begin(0, &[Some(2)], "put");
        ledger.end(&late, true, SOON, "done");
        assert_eq!(values(&ledger, 1), [None, Some(1)]);
        ledger.settle(1, Some(1));
        assert_eq!(values(&ledger, 1), [Some(1)]);
        assert!(ledger.story(1).contains("settled: #1"));
    }
}
