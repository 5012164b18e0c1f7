//! Several pieces of stored content in one file: of each a line with its hash and its length, its bytes, a line end.

use crate::store::Store;
use consort_core::ids::ContentHash;

/// In the given order.
pub(super) fn pack<'a>(objects: impl IntoIterator<Item = (&'a ContentHash, &'a [u8])>) -> Vec<u8> {
    let mut to = Vec::new();
    for (hash, bytes) in objects {
        to.extend_from_slice(format!("{hash} {}\n", bytes.len()).as_bytes());
        to.extend_from_slice(bytes);
        to.push(b'\n');
    }
    to
}

/// What [`pack`] made; every piece has the hash that it is called by.
pub(super) fn unpack(mut rest: &[u8]) -> Result<Vec<(ContentHash, Vec<u8>)>, String> {
    let mut objects = Vec::new();
    while !rest.is_empty() {
        let number = objects.len() + 1;
        let torn = || format!("piece {number} is torn");
        let end = rest.iter().take(100).position(|b| *b == b'\n').ok_or_else(torn)?;
        let line = std::str::from_utf8(&rest[..end]).map_err(|_| torn())?;
        let (hash, length) = line.split_once(' ').ok_or_else(torn)?;
        let length: usize = length.parse().map_err(|_| torn())?;
        let from = end + 1;
        let to = from.checked_add(length).filter(|to| rest.get(*to) == Some(&b'\n')).ok_or_else(torn)?;
        let (bytes, hash) = (&rest[from..to], ContentHash(hash.to_owned()));
        let found = Store::hash_of(bytes);
        if found != hash {
            return Err(format!("piece {number} is called {hash} and has the hash {found}"));
        }
        objects.push((hash, bytes.to_vec()));
        rest = &rest[to + 1..];
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again_and_nothing_else() {
        let all: Vec<Vec<u8>> = [&b"a\nb"[..], b"", &[0, 255, 10, 10]].map(<[u8]>::to_vec).into();
        let named: Vec<_> = all.iter().map(|bytes| (Store::hash_of(bytes), bytes.clone())).collect();
        let packed = pack(named.iter().map(|(hash, bytes)| (hash, bytes.as_slice())));
        assert_eq!(unpack(&packed).expect("it is whole"), named);
        for at in 0..packed.len() {
            assert!(at == 0 || unpack(&packed[..at]).map_or(true, |some| some.len() < named.len()), "{at}");
            let mut other = packed.clone();
            other[at] ^= 1;
            assert_ne!(unpack(&other).ok(), Some(named.clone()), "{at}");
        }
    }
}
