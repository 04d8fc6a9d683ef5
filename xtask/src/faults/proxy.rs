//! A proxy on loopback before a server, by which faults come to requests and answers.

use std::collections::HashSet;
use std::io::{BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::fault::{Dose, Fault};
use super::message::Message;

/// Longest wait for a connection, a request or an answer: longer than any client waits.
const PATIENCE: Duration = Duration::from_secs(120);

/// Chooses the fault of a request by its method, its target, and how long the proxy has been there.
pub(super) type Choice = dyn Fn(&str, &str, Duration) -> Fault + Send + Sync;

/// A running proxy; dropped, it takes no more connections.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Inner>,
}

struct Inner {
    server: SocketAddr,
    choice: Box<Choice>,
    began: Instant,
    ended: AtomicBool,
    requests: AtomicU64,
    faults: AtomicU64,
    /// When requests were passed on, and answered by the server.
    answered: Mutex<Vec<Duration>>,
}

impl Proxy {
    /// Starts one before the server, with one fault.
    pub(crate) fn with_fault(server: SocketAddr, fault: Fault, dose: Dose) -> Result<Self> {
        let seen = Mutex::new(HashSet::new());
        Self::start(server, move |method, target, _| {
            let first = || seen.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{method} {target}"));
            if dose == Dose::Always || first() { fault } else { Fault::None }
        })
    }

    /// Starts one before the server, with a choice for each request.
    pub(super) fn start(
        server: SocketAddr,
        choice: impl Fn(&str, &str, Duration) -> Fault + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Inner {
            server,
            choice: Box::new(choice),
            began: Instant::now(),
            ended: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            answered: Mutex::new(Vec::new()),
        });
        let acceptor = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if acceptor.ended.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), inner) = (stream, Arc::clone(&acceptor)) else { continue };
                // A connection that a fault cut ends in an error, as it was meant to.
                thread::spawn(move || drop(inner.serve(&stream)));
            }
        });
        Ok(Self { address, shared })
    }

    /// Its URL.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests that came, and how many of them met the fault.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.shared.requests.load(Ordering::Relaxed), self.shared.faults.load(Ordering::Relaxed))
    }

    /// When the server had answered, since the proxy was started.
    pub(super) fn answered(&self) -> Vec<Duration> {
        self.shared.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // The acceptor looks once more.
        drop(TcpStream::connect(self.address));
    }
}

impl Inner {
    fn serve(&self, stream: &TcpStream) -> Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut from = BufReader::new(stream);
        while let Some(mut request) = Message::read_head(&mut from)? {
            if request.header("expect").is_some() {
                (&mut &*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            request.read_body(&mut from, false)?;
            let (method, target) = request.target();
            let (method, target) = (method.to_owned(), target.to_owned());
            let mut fault = (self.choice)(&method, &target, self.began.elapsed());
            if !fault.meets(&method, &target, request.body.len()) {
                fault = Fault::None;
            }
            self.requests.fetch_add(1, Ordering::Relaxed);
            self.faults.fetch_add(u64::from(fault != Fault::None), Ordering::Relaxed);
            match self.answer(&mut request, &method, fault)? {
                Some(answer) => send(stream, &answer, fault)?,
                None if fault == Fault::Silence => {
                    // Until the client gives up, or the patience ends.
                    let _ = from.read(&mut [0]);
                    return Ok(());
                }
                None => return Ok(stream.shutdown(Shutdown::Both)?),
            }
        }
        Ok(())
    }

    /// The answer, or none where the connection ends.
    fn answer(&self, request: &mut Message, method: &str, fault: Fault) -> Result<Option<Message>> {
        match fault {
            Fault::Late(pause) => thread::sleep(pause),
            Fault::Refuse(status, code) => return Ok(Some(Message::refusal(status, code, method == "HEAD"))),
            Fault::Disconnect | Fault::Silence => return Ok(None),
            Fault::FlipUp => flip(&mut request.body),
            _ => {}
        }
        let mut server = TcpStream::connect(self.server)?;
        server.set_read_timeout(Some(PATIENCE))?;
        let length = (!request.body.is_empty() || matches!(method, "PUT" | "POST")).then_some(request.body.len());
        request.write_head(&mut server, length, true)?;
        server.write_all(&request.body)?;
        let mut from = BufReader::new(&server);
        let mut answer = Message::read_head(&mut from)?.context("the server does not answer")?;
        if method != "HEAD" && !answer.first.contains(" 204") && !answer.first.contains(" 304") {
            answer.read_body(&mut from, true)?;
        }
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).push(self.began.elapsed());
        Ok(match fault {
            Fault::LoseAnswer => None,
            Fault::LieAbout(status, code) => Some(Message::refusal(status, code, method == "HEAD")),
            Fault::FlipDown => {
                flip(&mut answer.body);
                Some(answer)
            }
            Fault::Short => {
                answer.body.pop();
                Some(answer)
            }
            _ => Some(answer),
        })
    }
}

/// Sends an answer, whose body may suffer.
fn send(mut stream: &TcpStream, answer: &Message, fault: Fault) -> Result<()> {
    let (body, half) = (&answer.body, answer.body.len() / 2);
    // The length of an answer to a HEAD is that of a body which does not come.
    let told = answer.header("content-length").and_then(|length| length.parse().ok());
    let length = if body.is_empty() && fault != Fault::Short { told.unwrap_or(0) } else { body.len() };
    answer.write_head(&mut stream, Some(length + usize::from(fault == Fault::Long)), false)?;
    match fault {
        Fault::CutBody => {
            stream.write_all(&body[..half])?;
            stream.shutdown(Shutdown::Both)?;
        }
        Fault::Long => {
            stream.write_all(body)?;
            stream.shutdown(Shutdown::Both)?;
        }
        Fault::Stall(pause) => {
            stream.write_all(&body[..half])?;
            thread::sleep(pause);
            stream.write_all(&body[half..])?;
        }
        Fault::Drip(size) => {
            for piece in body.chunks(size) {
                stream.write_all(piece)?;
                thread::sleep(Duration::from_millis(50));
            }
        }
        _ => stream.write_all(body)?,
    }
    Ok(())
}

fn flip(body: &mut [u8]) {
    let middle = body.len() / 2;
    if let Some(byte) = body.get_mut(middle) {
        *byte ^= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers every request with its target.
    fn server() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut from = BufReader::new(&stream);
                let mut request = Message::read_head(&mut from).expect("a head").expect("a request");
                request.read_body(&mut from, false).expect("a body");
                let body = format!("{} {}", request.target().1, String::from_utf8_lossy(&request.body));
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                (&stream).write_all(head.as_bytes()).expect("an answer");
            }
        });
        address
    }

    fn ask(proxy: &Proxy, request: &str) -> Result<Message> {
        let stream = TcpStream::connect(proxy.address)?;
        (&stream).write_all(request.as_bytes())?;
        let mut from = BufReader::new(&stream);
        let mut answer = Message::read_head(&mut from)?.context("no answer")?;
        answer.read_body(&mut from, false)?;
        Ok(answer)
    }

    #[test]
    fn faults_come_to_answers_as_they_are_told_to() {
        let server = server();
        let get = |fault, dose| {
            let proxy = Proxy::with_fault(server, fault, dose).expect("a port is free");
            let answers = [(); 2].map(|()| ask(&proxy, "GET /abc HTTP/1.1\r\n\r\n").ok().map(|answer| answer.body));
            (answers, proxy.counts())
        };
        let body = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(get(Fault::None, Dose::Always), ([body("/abc "), body("/abc ")], (2, 0)));
        assert_eq!(get(Fault::Disconnect, Dose::First), ([None, body("/abc ")], (2, 1)));
        assert_eq!(get(Fault::LoseAnswer, Dose::Always), ([None, None], (2, 2)));
        assert_eq!(get(Fault::CutBody, Dose::First), ([None, body("/abc ")], (2, 1)));
        assert_eq!(get(Fault::Long, Dose::First), ([None, body("/abc ")], (2, 1)));
        assert_eq!(get(Fault::Short, Dose::First), ([body("/abc"), body("/abc ")], (2, 1)));
        assert_eq!(get(Fault::FlipDown, Dose::Always).0[0], body("/acc "));
        assert_eq!(get(Fault::Drip(2), Dose::Always).0[1], body("/abc "));
        let refused = get(Fault::Refuse(503, "SlowDown"), Dose::First).0;
        assert!(String::from_utf8_lossy(refused[0].as_ref().expect("a body")).contains("<Code>SlowDown</Code>"));
    }

    #[test]
    fn faults_come_to_requests() {
        let proxy = Proxy::with_fault(server(), Fault::FlipUp, Dose::First).expect("a port is free");
        let put = "PUT /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nxyz";
        let bodies = [(); 2].map(|()| ask(&proxy, put).expect("an answer").body);
        assert_eq!(bodies, [b"/a xxz".to_vec(), b"/a xyz".to_vec()]);
        assert_eq!(proxy.answered().len(), 2);
    }
}
