//! Everything that this process logs.

use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::filter::LevelFilter;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
static BEGIN: Once = Once::new();

/// The log while one test has it to itself.
pub struct Log {
    _alone: MutexGuard<'static, ()>,
}

impl Log {
    /// Waits for other tests, and begins with an empty log, at every level.
    pub fn begin() -> Self {
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        BEGIN.call_once(|| {
            let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false);
            subscriber.with_writer(|| Lines).init();
        });
        lines().clear();
        Self { _alone: alone }
    }

    /// What was logged since.
    pub fn text(&self) -> String {
        String::from_utf8(lines().clone()).expect("text")
    }
}

fn lines() -> MutexGuard<'static, Vec<u8>> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lines().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
