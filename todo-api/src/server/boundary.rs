//! Where a request ends in what was read: whether the head of another has begun to arrive behind it.
//!
//! It only looks on. What it cannot tell, which takes several requests sent in one go, it takes for begun.

/// How it is known where a body ends (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Framing {
    NoBody,
    Length(u64),
    Chunked,
}

/// What was read since the last request was answered.
#[derive(Debug, Default)]
pub(super) struct Boundary {
    lines: Lines,
    /// How much came after the head, once that has ended.
    after_head: Option<u64>,
    /// Some of it was read before: where the head ended is not known.
    uncertain: bool,
}

/// Finds the empty lines that heads and chunked bodies end with.
#[derive(Debug, Default)]
struct Lines {
    /// How long the line is that has not ended yet.
    length: usize,
    /// Whether there was a line that is not empty.
    any: bool,
    /// Whether what came last is an empty line after one that is not.
    ended: bool,
}

impl Boundary {
    /// These bytes were read.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.lines.read(*byte);
            match &mut self.after_head {
                Some(after) => *after += 1,
                None if self.lines.ended => self.after_head = Some(0),
                None => {}
            }
        }
    }

    /// A request is answered whose body was framed like this: tells whether another has begun, and goes on with that.
    pub(super) fn next(&mut self, framing: Framing) -> bool {
        let begun = match framing {
            Framing::NoBody | Framing::Chunked => !self.lines.ended,
            Framing::Length(length) => self.uncertain || self.after_head != Some(length),
        };
        if begun {
            self.uncertain = true;
        } else {
            *self = Self::default();
        }
        begun
    }
}

impl Lines {
    fn read(&mut self, byte: u8) {
        self.ended = byte == b'\n' && self.length == 0 && self.any;
        match byte {
            b'\n' => {
                self.any |= self.length > 0;
                self.length = 0;
            }
            b'\r' => {}
            _ => self.length += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    const POST: &str = "POST / HTTP/1.1\ncontent-length: 4\n\n\r\n\r\n";
    const CHUNKED: &str = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n";

    /// Whether another request has begun after one that came in pieces of this size.
    fn begun(text: &str, framing: Framing, size: usize) -> bool {
        let mut boundary = Boundary::default();
        text.as_bytes().chunks(size).for_each(|bytes| boundary.read(bytes));
        boundary.next(framing)
    }

    #[test]
    fn a_request_ends_where_its_framing_says_however_it_is_cut() {
        for (request, framing) in
            [(GET, Framing::NoBody), (POST, Framing::Length(4)), (CHUNKED, Framing::Chunked)]
        {
            for size in [1, 2, 3, 1000] {
                assert!(!begun(request, framing, size), "{request:?} in pieces of {size}");
                assert!(!begun(&format!("\r\n{request}"), framing, size), "after an empty line, {size}");
                for more in ["G", "GET /", &GET[..GET.len() - 2]] {
                    assert!(begun(&format!("{request}{more}"), framing, size), "{request:?} and {more:?}");
                }
            }
        }
        assert!(begun(&POST[..POST.len() - 1], Framing::Length(4), 7), "a body that was not read to its end");
    }

    #[test]
    fn what_was_sent_in_one_go_is_taken_for_begun_until_it_is_certain_again() {
        let mut boundary = Boundary::default();
        boundary.read(format!("{GET}{POST}{GET}").as_bytes());
        assert!(!boundary.next(Framing::NoBody), "the others are complete, as far as it can see");
        let mut boundary = Boundary::default();
        boundary.read(format!("{GET}{POST}G").as_bytes());
        assert!(boundary.next(Framing::NoBody));
        assert!(boundary.next(Framing::Length(4)));
        boundary.read(&GET.as_bytes()[1..]);
        assert!(!boundary.next(Framing::NoBody));
        boundary.read(POST.as_bytes());
        assert!(!boundary.next(Framing::Length(4)));
    }
}
