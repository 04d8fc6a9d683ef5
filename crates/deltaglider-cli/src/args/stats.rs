//! Arguments of `stats`.

use clap::{Args, ValueEnum};

/// Arguments of `stats`.
#[derive(Args, Clone, Debug)]
pub(crate) struct StatsArgs {
    /// s3://bucket/prefix or file:///store/prefix.
    pub(crate) url: String,
    /// Asks for the size of every delta; without it some of each delta space are asked for, and the rest is estimated.
    #[arg(long)]
    pub(crate) detailed: bool,
    /// What the groups are.
    #[arg(long, value_enum, value_name = "WHAT", default_value = "deltaspace")]
    pub(crate) by: StatsBy,
    /// With --by prefix: components of the prefix that tell groups apart.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) depth: u16,
    /// Dollars for a GiB and month.
    #[arg(long, value_name = "DOLLARS", default_value = "0.023", value_parser = price)]
    pub(crate) price: f64,
    /// Counts anew, even where the result that is kept in the bucket still holds.
    #[arg(long)]
    pub(crate) refresh: bool,
}

/// What objects are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatsBy {
    /// The first components of their prefix.
    Prefix,
    /// The extension of their name.
    Ext,
    /// Their delta space.
    Deltaspace,
}

fn price(text: &str) -> Result<f64, String> {
    let expected = || format!("`{text}` is not a price such as 0.023");
    let price = text.parse::<f64>().map_err(|_| expected())?;
    if price.is_finite() && price >= 0.0 { Ok(price) } else { Err(expected()) }
}
