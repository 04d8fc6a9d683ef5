//! Arguments of `verify`.

use clap::Args;

/// Arguments of `verify`.
#[derive(Args, Clone, Debug)]
pub(crate) struct VerifyArgs {
    /// s3://bucket/key or file:///store/key for one object; with a `/` at its end, the objects directly under that prefix.
    pub(crate) url: String,
    /// Verifies everything under the prefix.
    #[arg(long)]
    pub(crate) recursive: bool,
    /// Looks at metadata and references only: no content is read.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Verifies a random part of the objects, such as 5%.
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with = "repair_plan")]
    pub(crate) sample: Option<f64>,
    /// Shows what `repair` would do under the prefix, and changes nothing.
    #[arg(long)]
    pub(crate) repair_plan: bool,
}

/// Reads a share: `5%` or `0.05`.
fn share(text: &str) -> Result<f64, String> {
    let expected = || format!("`{text}` is not a share such as 5% or 0.05");
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let share = number.trim().parse::<f64>().map_err(|_| expected())? / whole;
    if share > 0.0 && share <= 1.0 { Ok(share) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read() {
        assert_eq!((share("5%"), share("0.05"), share("100%")), (Ok(0.05), Ok(0.05), Ok(1.0)));
        for wrong in ["", "%", "0", "5", "101%", "-1%", "NaN"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
