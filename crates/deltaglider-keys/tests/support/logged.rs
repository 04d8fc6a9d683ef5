//! Everything that is logged, at every level, by every crate: for tests that look for what must not be there.
#![allow(dead_code, reason = "each test uses its part")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tracing_subscriber::fmt::MakeWriter;

/// The log of this process, which begins with the first call.
pub fn log() -> &'static Logged {
    static LOG: OnceLock<Logged> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Logged::default();
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_ansi(false);
        tracing::subscriber::set_global_default(subscriber.with_writer(log.clone()).finish()).expect("the first one");
        log
    })
}

/// A log that is kept in memory.
#[derive(Clone, Default)]
pub struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    /// All of it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// The outcomes of accesses to a source, each with the key's id where it has one, in their order.
    pub fn accesses(&self, source: &str) -> Vec<(Option<String>, String)> {
        let text = self.text();
        let lines = text.lines().filter(|line| {
            line.contains(" deltaglider.key.access: ") && line.contains(&format!("source=\"{source}\""))
        });
        lines
            .map(|line| {
                assert!(line.contains(&format!("process={}", std::process::id())), "{line}");
                let field = |name: &str| line.split_once(name).map(|(_, rest)| rest.to_owned());
                let key = field(" key_id=").and_then(|rest| rest.split(' ').next().map(str::to_owned));
                let outcome = field(" outcome=\"").and_then(|rest| rest.split('"').next().map(str::to_owned));
                (key, outcome.expect("an outcome"))
            })
            .collect()
    }
}

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logged {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Every way in which a key could be written down.
pub fn encodings(key: [u8; 32]) -> Vec<String> {
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let hex_list = key.map(|byte| format!("{byte:x}")).join(", ");
    let standard = STANDARD.encode(key);
    vec![
        // The last character of a base64 without padding may be another one's beginning.
        standard[..40].to_owned(),
        URL_SAFE_NO_PAD.encode(key)[..40].to_owned(),
        STANDARD.encode(&standard)[..56].to_owned(),
        hex.to_uppercase(),
        hex,
        hex_list.clone(),
        hex_list.replace(", ", ""),
        key.map(|byte| byte.to_string()).join(", "),
        key.map(|byte| byte.to_string()).join(","),
        key.map(|byte| format!("\\x{byte:02x}")).concat(),
        key.escape_ascii().to_string(),
        String::from_utf8_lossy(&key).into_owned(),
    ]
}

/// Fails where a key is in a text, in whatever form.
pub fn assert_hidden(text: &str, key: [u8; 32], place: &str) {
    for (number, written) in encodings(key).iter().enumerate() {
        assert!(!text.contains(written), "{place} holds the key in its form {number}");
    }
}
