//! Comparing bytes.

/// Bytes in which both begin alike, at most those of `a`.
#[inline]
pub(crate) fn common(a: &[u8], b: &[u8]) -> usize {
    let mut length = 0;
    while let (Some(x), Some(y)) = (a[length..].first_chunk::<8>(), b[length..].first_chunk::<8>()) {
        let difference = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if difference != 0 {
            return length + (difference.trailing_zeros() >> 3) as usize;
        }
        length += 8;
    }
    length + a[length..].iter().zip(&b[length..]).take_while(|(x, y)| x == y).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_alike_is_counted() {
        for length in 0..40 {
            let (one, mut other) = (vec![7; length], vec![7; length + 3]);
            assert_eq!((common(&one, &other), common(&other, &one)), (length, length));
            for at in 0..length {
                other[at] = 8;
                assert_eq!(common(&one, &other), at);
                other[at] = 7;
            }
        }
    }
}
