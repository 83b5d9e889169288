//! Random bytes for identifiers.

use std::cell::RefCell;

use ring::rand::{SecureRandom, SystemRandom};

/// How many bytes a thread asks the system for at once: those of about twenty requests.
const BLOCK: usize = 1024;

/// Bytes of the system's own source, of which those up to `used` were handed out.
struct Block {
    bytes: [u8; BLOCK],
    used: usize,
}

thread_local! {
    static OWN: RefCell<Block> = const { RefCell::new(Block { bytes: [0; BLOCK], used: BLOCK }) };
}

/// Bytes that nobody has seen before.
///
/// They come from the system, but in blocks: a system call for each identifier takes longer than all else that is done to
/// make it. No byte is handed out twice. What is handed out next is in memory already, which is right for identifiers,
/// and wrong for keys.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    const { assert!(N <= BLOCK) };
    OWN.with_borrow_mut(|block| {
        if block.used + N > BLOCK {
            // Cannot fail where the system has a source of randomness; TLS would fail first.
            let _ = SystemRandom::new().fill(&mut block.bytes);
            block.used = 0;
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(&block.bytes[block.used..][..N]);
        block.used += N;
        bytes
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, thread};

    use super::*;

    #[test]
    fn no_bytes_are_handed_out_twice() {
        let draw = || (0..3 * BLOCK).map(|_| bytes::<24>()).collect::<Vec<_>>();
        let other = thread::spawn(draw).join().unwrap();
        let all: HashSet<_> = draw().into_iter().chain(other).collect();
        assert_eq!(all.len(), 6 * BLOCK);
    }

    #[test]
    fn each_byte_takes_every_value() {
        let drawn: Vec<_> = (0..4096).map(|_| bytes::<10>()).collect();
        for at in 0..10 {
            assert!(drawn.iter().map(|bytes| bytes[at]).collect::<HashSet<_>>().len() > 250, "{at}");
        }
    }
}
