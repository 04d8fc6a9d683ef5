//! Sizes as people write and read them.

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Writes a size as `aws s3 ls --human-readable` does: `0 Bytes`, `1 Byte`, `1.5 KiB`.
pub(crate) fn human(bytes: u64) -> String {
    match bytes {
        1 => return "1 Byte".to_owned(),
        0..1024 => return format!("{bytes} Bytes"),
        _ => {}
    }
    let mut value = bytes as f64;
    for unit in UNITS {
        value /= 1024.0;
        if value.round() < 1024.0 || unit == "EiB" {
            return format!("{value:.1} {unit}");
        }
    }
    unreachable!("the last unit returns")
}

/// Reads a size: bytes, or a number with a unit, such as `512MiB`, `1.5GiB`, `2G`, `100MB`. One letter is a power of 1024.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let expected = || format!("`{text}` is not a size such as 1073741824, 512MiB or 1.5GiB");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..digits].parse().map_err(|_| expected())?;
    let factor = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024f64.powi(2),
        "g" | "gib" => 1024f64.powi(3),
        "t" | "tib" => 1024f64.powi(4),
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        _ => return Err(expected()),
    };
    let bytes = number * factor;
    if bytes < 1.0 || bytes >= u64::MAX as f64 { Err(expected()) } else { Ok(bytes as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_those_of_aws() {
        let table = [
            (0, "0 Bytes"),
            (1, "1 Byte"),
            (1023, "1023 Bytes"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1.0 MiB"),
            (3_145_735, "3.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(human(bytes), text);
        }
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(parse("1GiB"), Ok(1 << 30));
        assert_eq!(parse("2G"), Ok(2 << 30));
        assert_eq!(parse("1.5KiB"), Ok(1536));
        assert_eq!(parse("100MB"), Ok(100_000_000));
        assert_eq!(parse("7"), Ok(7));
        for wrong in ["", "x", "1XB", "0", "-1", "1.2.3"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
