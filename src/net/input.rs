//! What has come of an answer and is still to be read.

use zeroize::Zeroizing;

/// A small buffer that grows when an answer needs it: an idle connection is cheap. It has held Guids
/// and cookies.
#[derive(Default)]
pub(super) struct Input {
    bytes: Zeroizing<Vec<u8>>,
    pub taken: usize,
    pub filled: usize,
}

impl Input {
    const SMALL: usize = 4 * 1024;

    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.taken..self.filled]
    }

    pub fn unread_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.taken..self.filled]
    }

    /// Room for more; the unread part moves to the front.
    pub fn room(&mut self) -> &mut [u8] {
        self.bytes.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        let length = self.bytes.len();
        if length - self.filled < Self::SMALL / 2 {
            // Not resized, which would leave a copy behind.
            let mut larger = Zeroizing::new(vec![0; Self::SMALL.max(length * 2)]);
            larger[..length].copy_from_slice(&self.bytes);
            self.bytes = larger;
        }
        &mut self.bytes[self.filled..]
    }
}
