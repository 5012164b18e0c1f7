//! A small generator of numbers: the same seed gives the same documents.

pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995_1234_5678)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// `low..=high`
    pub fn int(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() >> 11) as i64 % (high - low + 1)
    }

    pub fn coin(&mut self) -> bool {
        self.int(0, 1) == 1
    }

    pub fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.int(0, all.len() as i64 - 1) as usize]
    }

    /// Different ones, in a random order.
    pub fn some<T: Copy>(&mut self, all: &[T], count: usize) -> Vec<T> {
        let mut rest = all.to_vec();
        (0..count).map(|_| rest.remove(self.int(0, rest.len() as i64 - 1) as usize)).collect()
    }
}

/// Hundredths as a decimal.
pub fn dec(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", hundredths.abs() / 100, hundredths.abs() % 100)
}
