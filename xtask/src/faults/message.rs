//! Requests and answers of HTTP/1.1 as the proxy passes them on: a head as it came, and the whole body.

use std::io::{BufRead, Write};

use anyhow::{Context, Result, ensure};

/// Most bytes of a body; no case moves more.
const LARGEST: usize = 256 << 20;

/// A request or an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// The line of the request, or of the status.
    pub(super) first: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// An answer that the proxy gives itself.
    pub(super) fn refusal(status: u16, code: &str, to_head: bool) -> Self {
        let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>by the proxy</Message></Error>");
        let body = if to_head { Vec::new() } else { text.into_bytes() };
        let headers = vec![("Content-Type".to_owned(), "application/xml".to_owned())];
        Self { first: format!("HTTP/1.1 {status} {code}"), headers, body }
    }

    /// Reads a head; none where the connection ended before it.
    pub(super) fn read_head(from: &mut impl BufRead) -> Result<Option<Self>> {
        let mut message = Self::default();
        loop {
            let mut line = String::new();
            if from.read_line(&mut line)? == 0 {
                ensure!(message.first.is_empty(), "the connection ends within a head");
                return Ok(None);
            }
            let line = line.trim_end();
            if message.first.is_empty() {
                line.clone_into(&mut message.first);
            } else if line.is_empty() {
                return Ok(Some(message));
            } else {
                let (name, value) = line.split_once(':').context("a header without a colon")?;
                message.headers.push((name.to_owned(), value.trim().to_owned()));
            }
        }
    }

    /// Reads the body that the head promises; to the end of the connection where it promises nothing and this is allowed.
    pub(super) fn read_body(&mut self, from: &mut impl BufRead, to_end: bool) -> Result<()> {
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            loop {
                let mut line = String::new();
                from.read_line(&mut line)?;
                let size = usize::from_str_radix(line.trim().split(';').next().unwrap_or_default(), 16)?;
                ensure!(self.body.len() + size <= LARGEST, "a body is too large");
                let begin = self.body.len();
                self.body.resize(begin + size, 0);
                from.read_exact(&mut self.body[begin..])?;
                from.read_line(&mut String::new())?;
                if size == 0 {
                    return Ok(());
                }
            }
        }
        match self.header("content-length").map(str::parse::<usize>).transpose()? {
            Some(length) => {
                ensure!(length <= LARGEST, "a body is too large");
                self.body.resize(length, 0);
                from.read_exact(&mut self.body)?;
            }
            None if to_end => drop(from.read_to_end(&mut self.body)?),
            None => {}
        }
        Ok(())
    }

    /// A header by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Method and target of a request.
    pub(super) fn target(&self) -> (&str, &str) {
        let mut words = self.first.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    /// Writes the head as it came, but for what concerns this connection alone; the length is that of the body, or a wrong one.
    pub(super) fn write_head(&self, to: &mut impl Write, length: Option<usize>, close: bool) -> Result<()> {
        let mut text = format!("{}\r\n", self.first);
        let own = ["connection", "content-length", "transfer-encoding", "expect", "keep-alive"];
        for (name, value) in &self.headers {
            if !own.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        if let Some(length) = length {
            text.push_str(&format!("Content-Length: {length}\r\n"));
        }
        text.push_str(if close { "Connection: close\r\n\r\n" } else { "\r\n" });
        Ok(to.write_all(text.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Message {
        let mut from = text.as_bytes();
        let mut message = Message::read_head(&mut from).expect("a head").expect("not the end");
        message.read_body(&mut from, true).expect("a body");
        message
    }

    #[test]
    fn a_body_has_the_length_that_is_told() {
        assert_eq!(read("PUT /a?b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcdef").body, b"abc");
        assert_eq!(
            read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n").body,
            b"abc"
        );
        assert_eq!(read("HTTP/1.1 200 OK\r\n\r\nabc").body, b"abc");
        assert_eq!(read("PUT /a?b HTTP/1.1\r\n\r\n").target(), ("PUT", "/a?b"));
        assert!(Message::read_head(&mut &b""[..]).expect("the end").is_none());
    }

    #[test]
    fn heads_are_passed_on_with_another_length() {
        let message = read("HTTP/1.1 200 OK\r\nETag: x\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc");
        let mut text = Vec::new();
        message.write_head(&mut text, Some(2), true).expect("written");
        assert_eq!(text, b"HTTP/1.1 200 OK\r\nETag: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
    }
}
