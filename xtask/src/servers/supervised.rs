//! A server that does not outlive the task that started it.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::PATIENCE;

/// Starts the words that follow, and kills what it started when its own input ends: also when the writer was killed.
const SUPERVISOR: &str =
    r#"trap "" INT HUP; "$@" </dev/null & server=$!; cat >/dev/null; kill -9 $server; wait $server"#;
/// Between two looks at a server that is starting.
const PAUSE: Duration = Duration::from_millis(100);
/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(5);

/// A running server; dropped, it is stopped.
#[derive(Debug)]
pub(super) struct Supervised {
    name: &'static str,
    supervisor: Child,
    log: PathBuf,
}

impl Supervised {
    /// Starts the server; its output goes to a log in the folder.
    pub(super) fn start(name: &'static str, words: &[String], folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
        let mut command = Command::new("sh");
        command.args(["-c", SUPERVISOR, name]).args(words);
        command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
        let supervisor = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, supervisor, log })
    }

    /// Waits until the path is answered with success.
    pub(super) fn wait_for(&mut self, port: u16, path: &str, patience: Duration) -> Result<()> {
        let began = Instant::now();
        while !answers(port, path) {
            if began.elapsed() > patience {
                bail!("{} does not answer on port {port} after {patience:?}; {}", self.name, self.last_words());
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// The end of its log.
    pub(super) fn last_words(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(30)..].join("\n");
        format!("the last that {} said:\n{last}", self.name)
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
    }
}

/// Waits until what a server needs is there.
pub(super) fn until(what: &str, is_there: impl Fn() -> bool) -> Result<()> {
    let began = Instant::now();
    while !is_there() {
        if began.elapsed() > PATIENCE {
            bail!("{what} is not there after {PATIENCE:?}");
        }
        thread::sleep(3 * PAUSE);
    }
    Ok(())
}

/// True where a GET of the path is answered with a status of 2xx.
fn answers(port: u16, path: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n").as_bytes())?;
        let mut status = [0_u8; 12];
        stream.read_exact(&mut status)?;
        Ok(String::from_utf8_lossy(&status).into_owned())
    };
    ask().is_ok_and(|status| status.starts_with("HTTP/1.") && status[8..].starts_with(" 2"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_dropped_server_is_gone() {
        let folder = std::env::temp_dir().join(format!("xtask-supervised-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let words = ["sh", "-c", "echo $$; exec cat /dev/zero >/dev/null"].map(ToOwned::to_owned);
        let server = Supervised::start("endless", &words, &folder).expect("sh can be started");
        let pid = loop {
            let log = fs::read_to_string(folder.join("endless.log")).unwrap_or_default();
            if log.ends_with('\n') {
                break log.trim().to_owned();
            }
            thread::yield_now();
        };
        let lives =
            || Command::new("kill").args(["-0", &pid]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
        assert!(lives());
        drop(server);
        assert!(!lives());
        fs::remove_dir_all(&folder).expect("the folder can be removed");
    }

    #[test]
    fn only_success_is_an_answer() {
        for (status, expected) in [("200 OK", true), ("204 No", true), ("403 Fo", false), ("503 Se", false)] {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
            let port = listener.local_addr().expect("it is bound").port();
            let server = thread::spawn(move || {
                let (mut stream, _) = listener.accept().expect("somebody asks");
                stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).expect("somebody listens");
                let _ = stream.read(&mut [0; 100]);
            });
            assert_eq!(answers(port, "/"), expected, "{status}");
            server.join().expect("the server is done");
        }
    }
}
