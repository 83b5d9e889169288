//! Where a request ends in what was read: whether another has begun to arrive behind it.
//!
//! It only looks on, and does not read heads: what follows one is kept until it is known how its body is framed.

use std::mem;

/// How it is known where a body ends (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Framing {
    NoBody,
    Length(u64),
    Chunked,
}

/// What the next byte belongs to.
#[derive(Debug)]
pub(super) enum Boundary {
    /// A head, of which something has come if the lines say so.
    Head(Lines),
    /// A head has ended; this came behind it. No more than is read at a time: nobody reads on before it is understood.
    Behind(Vec<u8>),
    /// A body of which so much is still to come.
    Body(u64),
    Chunks(Chunks),
}

/// Finds the empty line that a head ends with. Those before it do not count (RFC 9112, 2.2).
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// How long the line is that has not ended yet.
    length: usize,
    /// Whether there was a line that is not empty.
    any: bool,
}

/// A chunked body (RFC 9112, 7.1).
#[derive(Debug)]
pub(super) enum Chunks {
    /// The line before a chunk: its size, as far as it has come, and whether that has ended.
    Size(u64, bool),
    /// The chunk and the end of its line, of which so much is still to come.
    Chunk(u64),
    Trailers(Lines),
}

impl Default for Boundary {
    fn default() -> Self {
        Self::Head(Lines::default())
    }
}

impl Boundary {
    /// These bytes were read.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.read_byte(*byte);
        }
    }

    /// A head was understood, and a body follows it that is framed like this.
    pub(super) fn follows(&mut self, framing: Framing) {
        let body = match framing {
            Framing::NoBody | Framing::Length(0) => Self::default(),
            Framing::Length(length) => Self::Body(length),
            Framing::Chunked => Self::Chunks(Chunks::Size(0, false)),
        };
        if let Self::Behind(bytes) = mem::replace(self, body) {
            self.read(&bytes);
        }
    }

    /// Whether there is something of a request that has not ended.
    pub(super) fn is_within(&self) -> bool {
        !matches!(self, Self::Head(Lines { length: 0, any: false }))
    }

    fn read_byte(&mut self, byte: u8) {
        match self {
            Self::Head(lines) => {
                if lines.end_with(byte) {
                    *self = Self::Behind(Vec::new());
                }
            }
            Self::Behind(bytes) => bytes.push(byte),
            Self::Body(1) => *self = Self::default(),
            Self::Body(left) => *left -= 1,
            Self::Chunks(chunks) => {
                if chunks.end_with(byte) {
                    *self = Self::default();
                }
            }
        }
    }
}

impl Lines {
    fn end_with(&mut self, byte: u8) -> bool {
        match byte {
            b'\n' if self.length == 0 => return self.any,
            b'\n' => *self = Self { length: 0, any: true },
            b'\r' => {}
            _ => self.length += 1,
        }
        false
    }
}

impl Chunks {
    fn end_with(&mut self, byte: u8) -> bool {
        match self {
            Self::Size(0, _) if byte == b'\n' => *self = Self::Trailers(Lines { length: 0, any: true }),
            // What ends the chunk's own line counts with it.
            Self::Size(size, _) if byte == b'\n' => *self = Self::Chunk(size.saturating_add(2)),
            Self::Size(size, ended) => match char::from(byte).to_digit(16) {
                Some(digit) if !*ended => *size = size.saturating_mul(16).saturating_add(digit.into()),
                _ => *ended = true,
            },
            Self::Chunk(1) => *self = Self::Size(0, false),
            Self::Chunk(left) => *left -= 1,
            Self::Trailers(lines) => return lines.end_with(byte),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    const POST: &str = "POST / HTTP/1.1\ncontent-length: 4\n\n\r\n\r\n";
    const EMPTY: &str = "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n";
    const CHUNKED: &str = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n4;a=b\r\n\r\n\r\n\r\n00A\r\n0\r\n\r\n567\r\n\r\n0\r\n\r\n";
    const TRAILERS: &str =
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: y\r\nz: 0\r\n\r\n";
    const ALL: [(&str, Framing); 5] = [
        (GET, Framing::NoBody),
        (POST, Framing::Length(4)),
        (EMPTY, Framing::Length(0)),
        (CHUNKED, Framing::Chunked),
        (TRAILERS, Framing::Chunked),
    ];

    /// Whether something of a request is there after these, which came in pieces of this size and are understood as soon
    /// as they can be.
    fn is_within(text: &str, framings: &[Framing], size: usize) -> bool {
        let (mut boundary, mut framings) = (Boundary::default(), framings.iter());
        for bytes in text.as_bytes().chunks(size) {
            boundary.read(bytes);
            while matches!(boundary, Boundary::Behind(_)) {
                match framings.next() {
                    Some(framing) => boundary.follows(*framing),
                    None => break,
                }
            }
        }
        boundary.is_within()
    }

    #[test]
    fn a_request_ends_where_its_framing_says_however_it_is_cut() {
        for (request, framing) in ALL {
            for size in [1, 2, 3, 1000] {
                let is_within = |text: &str| is_within(text, &[framing], size);
                assert!(!is_within(request), "{request:?} in pieces of {size}");
                assert!(!is_within(&format!("\r\n{request}\r\n")), "empty lines around {request:?}, {size}");
                for more in ["G", "GET /", &GET[..GET.len() - 2], GET] {
                    assert!(is_within(&format!("{request}{more}")), "{request:?} and {more:?}");
                }
                assert!(is_within(&request[..request.len() - 1]), "{request:?} without its end");
            }
        }
    }

    #[test]
    fn a_chunk_of_any_size_has_begun() {
        let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        for size in ["fffffffffffffffe", "ffffffffffffffff", "ffffffffffffffffffff"] {
            assert!(
                is_within(&format!("{head}{size}\r\na\r\n0\r\n\r\n"), &[Framing::Chunked], 1000),
                "{size}"
            );
        }
    }

    #[test]
    fn requests_that_were_sent_in_one_go_end_one_by_one() {
        for (first, framing) in ALL {
            for (second, other) in ALL {
                for size in [1, 7, 1000] {
                    let both = format!("{first}{second}");
                    assert!(!is_within(&both, &[framing, other], size), "{both:?}");
                    let more = format!("{both}G");
                    assert!(is_within(&more, &[framing, other], size), "{more:?}");
                }
            }
        }
    }
}
