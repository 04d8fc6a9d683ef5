//! What a run of the fuzzer says of itself, and the table of all.

use std::fmt::Write as _;

/// What came of one target.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) name: String,
    pub(super) tally: Tally,
    /// What it failed with, told whole.
    pub(super) found: Option<String>,
}

/// What was tried and reached, as libFuzzer counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Inputs that were tried.
    pub(super) runs: u64,
    /// Edges of the program that were reached.
    pub(super) edges: u64,
    /// Edges that the program has, with all that is linked into it.
    pub(super) of_edges: u64,
    /// Edges and how often each was taken, by powers of two.
    pub(super) features: u64,
    /// Inputs that each reach something of their own.
    pub(super) inputs: u64,
    /// MiB of memory at most.
    pub(super) peak: u64,
}

impl Tally {
    /// Reads what the fuzzer printed; what it did not say is 0.
    pub(super) fn read(log: &str) -> Self {
        let mut tally = Self::default();
        for line in log.lines() {
            if let Some(rest) = line.split("Loaded 1 modules").nth(1) {
                tally.of_edges = leading(rest.trim_start_matches([' ', '(']));
            }
            for (name, to) in [("cov: ", 0), ("ft: ", 1), ("corp: ", 2)] {
                let Some(value) = line.starts_with('#').then(|| line.split(name).nth(1)).flatten() else { continue };
                *[&mut tally.edges, &mut tally.features, &mut tally.inputs][to] = leading(value);
            }
            if let Some((name, value)) = line.strip_prefix("stat::").and_then(|stat| stat.split_once(':')) {
                match name {
                    "number_of_executed_units" => tally.runs = leading(value.trim()),
                    "peak_rss_mb" => tally.peak = leading(value.trim()),
                    _ => {}
                }
            }
        }
        tally
    }
}

/// The number that a text begins with.
fn leading(text: &str) -> u64 {
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().unwrap_or(0)
}

/// All of them as a table, in Markdown.
pub(super) fn table(runs: &[Run]) -> String {
    let mut table = "| target | runs | edges | of the program's | edges by counts | inputs kept | peak MiB | |\n\
                     |---|---:|---:|---:|---:|---:|---:|---|\n"
        .to_owned();
    for Run { name, tally, found } in runs {
        let Tally { runs, edges, of_edges, features, inputs, peak } = tally;
        let outcome = if found.is_none() { "" } else { "**failed**" };
        let _ = writeln!(
            table,
            "| `{name}` | {runs} | {edges} | {of_edges} | {features} | {inputs} | {peak} | {outcome} |"
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
INFO: Running with entropic power schedule (0xFF, 100).
INFO: Loaded 1 modules   (142037 inline 8-bit counters): 142037 [0x5, 0x6), 
#2\tINITED cov: 811 ft: 812 corp: 1/1b exec/s: 0 rss: 39Mb
#524288\tpulse  cov: 1490 ft: 5113 corp: 401/38Kb lim: 4096 exec/s: 174762 rss: 402Mb
#600000\tDONE   cov: 1491 ft: 5114 corp: 402/38Kb lim: 4096 exec/s: 174000 rss: 402Mb
Done 600000 runs in 4 second(s)
stat::number_of_executed_units: 600000
stat::peak_rss_mb:              404
";

    #[test]
    fn what_the_fuzzer_counts_is_read() {
        let read = Tally::read(LOG);
        let all = Tally { runs: 600_000, edges: 1491, of_edges: 142_037, features: 5114, inputs: 402, peak: 404 };
        assert_eq!(read, all);
        assert_eq!(Tally::read("error: could not compile"), Tally::default());
    }

    #[test]
    fn the_table_names_what_failed() {
        let passed = Run { name: "names".into(), tally: Tally::read(LOG), found: None };
        let failed = Run { name: "record".into(), tally: Tally::default(), found: Some("a panic".into()) };
        let table = table(&[passed, failed]);
        assert!(table.contains("| `names` | 600000 | 1491 |"), "{table}");
        assert!(
            table.lines().last().is_some_and(|line| line.contains("`record`") && line.contains("failed")),
            "{table}"
        );
    }
}
