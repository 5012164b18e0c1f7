//! Choices: in order, or by a seed.

/// Chooses one of `n` possibilities.
pub trait Chooser {
    /// A number below `n`, which is at least 1.
    fn pick(&mut self, n: usize) -> usize;

    /// True in so many of 1,000 cases.
    fn chance(&mut self, permille: u32) -> bool;
}

/// Always the first, never by chance.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifo;

impl Chooser for Fifo {
    fn pick(&mut self, _: usize) -> usize {
        0
    }
    fn chance(&mut self, _: u32) -> bool {
        false
    }
}

/// By a seed: the same seed makes the same choices, on every machine and for ever.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// From this seed.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next 64 bits (splitmix64).
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
}

/// Mixes 64 bits well.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A hash of a text that never changes between builds (FNV-1a, then mixed).
pub(crate) fn hash(text: &str) -> u64 {
    let folded = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(folded)
}

impl Chooser for Random {
    fn pick(&mut self, n: usize) -> usize {
        (self.next_u64() % n.max(1) as u64) as usize
    }
    fn chance(&mut self, permille: u32) -> bool {
        self.next_u64() % 1_000 < u64::from(permille)
    }
}
