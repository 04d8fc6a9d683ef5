//! The figures as Markdown.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use super::measure::Cost;

/// What one program did with one target.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) family: String,
    pub(super) target: String,
    pub(super) coder: String,
    pub(super) ours: bool,
    /// Bytes of the target.
    pub(super) original: u64,
    /// Bytes of the delta as the program wrote it, even where it is larger than the target.
    pub(super) delta: u64,
    pub(super) encode: Cost,
    pub(super) decode: Cost,
    /// False where what came back was not the target.
    pub(super) exact: bool,
    /// Bytes of the delta by representation.
    pub(super) parts: BTreeMap<String, u64>,
}

/// The whole report.
pub(super) fn report(facts: &[String], remarks: &[String], rows: &[Row]) -> String {
    let mut text = "# Measured\n\n".to_owned();
    for line in facts.iter().chain(remarks) {
        let _ = writeln!(text, "- {line}");
    }
    text.push_str(
        "\nThe first version of a family is the reference, and figures are sums over the others; peak memory is the \
         largest. CPU is user and system time of the whole process. Our codecs take the reference as the cache keeps it, \
         prepared. MB are 10^6 bytes, MiB 2^20.\n\n",
    );
    text.push_str(&families(rows));
    let sections = [
        ("Parts of the deltas", parts(rows)),
        ("Larger than the best other way", larger(rows)),
        ("Not exact", wrong(rows)),
    ];
    for (heading, section) in sections {
        let _ = write!(text, "\n## {heading}\n\n{}", if section.is_empty() { "None.\n" } else { &section });
    }
    text
}

/// A row for every family and program.
fn families(rows: &[Row]) -> String {
    let mut text = "| family (targets, MB) | program | bytes | of the original | encode CPU s | wall s | peak MiB \
                    | decode CPU s | wall s | MB/s | peak MiB |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    let mut last = None;
    for (family, coder) in pairs(rows) {
        let of: Vec<&Row> = rows.iter().filter(|row| row.family == family && row.coder == coder).collect();
        let (original, delta) = (sum(&of, |row| row.original), sum(&of, |row| row.delta));
        let label = if last == Some(family) { String::new() } else { labelled(family, &of, original) };
        last = Some(family);
        let (encode, decode) = (total(of.iter().map(|row| row.encode)), total(of.iter().map(|row| row.decode)));
        let _ = writeln!(
            text,
            "| {label} | {coder} | {} | {:.2} % | {} | {} | {} | {} | {} | {} | {} |",
            grouped(delta),
            percent(delta, original),
            seconds(encode.cpu),
            seconds(encode.wall),
            mebibytes(encode.peak),
            seconds(decode.cpu),
            seconds(decode.wall),
            speed(original, decode.cpu),
            mebibytes(decode.peak),
        );
    }
    text
}

/// One row for a family and one column for a program: bytes alone, for the front page.
pub(super) fn summary(rows: &[Row]) -> String {
    let mut coders: Vec<&str> = Vec::new();
    for (_, coder) in pairs(rows) {
        if !coders.contains(&coder) {
            coders.push(coder);
        }
    }
    let mut text =
        format!("| MB | as they are | {} |\n|---|---:|{}\n", coders.join(" | "), "---:|".repeat(coders.len()));
    let mut last = None;
    for (family, _) in pairs(rows) {
        if last.replace(family) == Some(family) {
            continue;
        }
        let of = |coder: &str| rows.iter().filter(|row| row.family == family && row.coder == coder).collect::<Vec<_>>();
        let measured: Vec<Vec<&Row>> = coders.iter().map(|coder| of(coder)).collect();
        let cell = |of: &Vec<&Row>| match (of.is_empty(), of.iter().all(|row| row.exact)) {
            (true, _) => String::new(),
            (_, true) => megabytes(sum(of, |row| row.delta)),
            // The fewest bytes are nothing worth where the file is lost.
            (_, false) => format!("*{}, not given back*", megabytes(sum(of, |row| row.delta))),
        };
        let cells: Vec<String> = measured.iter().map(cell).collect();
        let Some(originals) = measured.iter().find(|of| !of.is_empty()) else { continue };
        let original = megabytes(sum(originals, |row| row.original));
        let _ = writeln!(text, "| {family} ({}) | {original} | {} |", originals.len(), cells.join(" | "));
    }
    text
}

/// Bytes of target and delta by representation, for each of our codecs.
fn parts(rows: &[Row]) -> String {
    let names: BTreeSet<&str> = rows.iter().flat_map(|row| row.parts.keys().map(String::as_str)).collect();
    if names.is_empty() {
        return String::new();
    }
    let heads: Vec<&str> = names.iter().copied().collect();
    let mut text = format!("| bytes | program | {} |\n|---|---|{}\n", heads.join(" | "), "---:|".repeat(heads.len()));
    for (family, coder) in pairs(rows) {
        let of: Vec<&Row> = rows.iter().filter(|row| row.family == family && row.coder == coder).collect();
        if of.iter().any(|row| !row.parts.is_empty()) {
            let bytes = |name: &str| sum(&of, |row| row.parts.get(name).copied().unwrap_or_default());
            let cells: Vec<String> = heads.iter().map(|name| grouped(bytes(name))).collect();
            let label = labelled(family, &of, sum(&of, |row| row.original));
            let _ = writeln!(text, "| {label} | {coder} | {} |", cells.join(" | "));
        }
    }
    text
}

/// Every target that one of our codecs makes larger than a peer does, or than it is.
fn larger(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows.iter().filter(|row| row.ours) {
        let same = rows.iter().filter(|other| !other.ours && other.exact);
        let same = same.filter(|other| other.family == row.family && other.target == row.target);
        let others = same.map(|other| (other.delta, other.coder.as_str()));
        let Some((best, by)) = others.chain([(row.original, "whole")]).min() else { continue };
        if row.delta > best {
            let (ours, best_grouped) = (grouped(row.delta), grouped(best));
            let more = percent(row.delta - best, best);
            let _ = writeln!(
                text,
                "- {} {}: {} {ours}, {by} {best_grouped} (+{more:.2} %)",
                row.family, row.target, row.coder
            );
        }
    }
    text
}

/// Every target that did not come back.
fn wrong(rows: &[Row]) -> String {
    let wrong = rows.iter().filter(|row| !row.exact);
    wrong.map(|row| format!("- {} {}: {}\n", row.family, row.target, row.coder)).collect()
}

/// Puts text between two marks of a page; nothing where the page has not both.
pub(super) fn between(page: &str, begin: &str, end: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{text}{end}{after}"))
}

/// Families and programs, in the order in which they were measured.
fn pairs(rows: &[Row]) -> Vec<(&str, &str)> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for row in rows {
        let pair = (row.family.as_str(), row.coder.as_str());
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    // Programs take turns over the targets, and a family's rows stand together.
    let order: Vec<&str> = pairs.iter().map(|(family, _)| *family).collect();
    pairs.sort_by_key(|(family, _)| order.iter().position(|known| known == family));
    pairs
}

fn labelled(family: &str, of: &[&Row], original: u64) -> String {
    format!("{family} ({}, {})", of.len(), megabytes(original))
}

fn sum(rows: &[&Row], figure: impl Fn(&Row) -> u64) -> u64 {
    rows.iter().map(|row| figure(row)).sum()
}

fn total(costs: impl Iterator<Item = Cost>) -> Cost {
    costs.fold(Cost::default(), |all, cost| Cost {
        cpu: all.cpu + cost.cpu,
        wall: all.wall + cost.wall,
        peak: all.peak.max(cost.peak),
    })
}

fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

fn mebibytes(bytes: u64) -> String {
    format!("{}", bytes.div_ceil(1 << 20))
}

/// Three digits at least.
fn megabytes(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    let decimals = if megabytes < 0.1 { 4 } else { 2 };
    format!("{megabytes:.decimals$}")
}

/// Bytes of target for each second of CPU.
fn speed(bytes: u64, cpu: Duration) -> String {
    if cpu.is_zero() { "–".to_owned() } else { format!("{:.0}", bytes as f64 / 1e6 / cpu.as_secs_f64()) }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(family: &str, target: &str, coder: &str, delta: u64) -> Row {
        let cost = |cpu, peak| Cost { cpu: Duration::from_millis(cpu), wall: Duration::from_millis(2 * cpu), peak };
        Row {
            family: family.to_owned(),
            target: target.to_owned(),
            coder: coder.to_owned(),
            ours: coder == "ours",
            original: 2_000_000,
            delta,
            encode: cost(500, 3 << 20),
            decode: cost(100, 1 << 20),
            exact: true,
            parts: BTreeMap::new(),
        }
    }

    fn rows() -> Vec<Row> {
        vec![
            row("numpy", "2", "ours", 1_000),
            row("numpy", "2", "peer", 4_000),
            row("numpy", "3", "ours", 9_000),
            row("numpy", "3", "peer", 6_000),
            row("table", "2", "ours", 3_000_000),
            row("table", "2", "peer", 3_000_000),
        ]
    }

    #[test]
    fn a_family_is_summed_and_named_once() {
        let table = families(&rows());
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(lines[0], "| numpy (2, 4.00) | ours | 10 000 | 0.25 % | 1.00 | 2.00 | 3 | 0.20 | 0.40 | 20 | 1 |");
        assert!(lines[1].starts_with("|  | peer | 10 000 |"), "{table}");
        assert!(lines[2].starts_with("| table (1, 2.00) | ours |"), "{table}");
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn every_row_has_the_columns_of_the_head() {
        for table in [families(&rows()), summary(&rows())] {
            let columns: Vec<usize> = table.lines().map(|line| line.matches('|').count()).collect();
            assert!(columns.iter().all(|count| *count == columns[0]), "{table}");
        }
    }

    #[test]
    fn what_is_larger_is_told_by_target() {
        assert_eq!(
            larger(&rows()),
            "- numpy 3: ours 9 000, peer 6 000 (+50.00 %)\n- table 2: ours 3 000 000, whole 2 000 000 (+50.00 %)\n"
        );
    }

    #[test]
    fn what_was_not_measured_is_left_empty() {
        let mut rows = rows();
        rows.retain(|row| row.family == "numpy" || row.coder == "ours");
        assert_eq!(summary(&rows).lines().last(), Some("| table (1) | 2.00 | 3.00 |  |"));
        rows[1].exact = false;
        assert!(summary(&rows).contains("not given back"), "{}", summary(&rows));
    }

    #[test]
    fn parts_are_summed() {
        let mut rows = rows();
        rows[0].parts.insert("copied".to_owned(), 1_200);
        rows[2].parts.insert("copied".to_owned(), 34);
        rows[2].parts.insert("plain".to_owned(), 5);
        assert!(parts(&rows).ends_with("| numpy (2, 4.00) | ours | 1 234 | 5 |\n"), "{}", parts(&rows));
    }

    #[test]
    fn what_does_not_come_back_is_told() {
        let mut rows = rows();
        rows[3].exact = false;
        let text = report(&["2 cores".to_owned()], &[], &rows);
        assert!(text.ends_with("\n## Not exact\n\n- numpy 3: peer\n"), "{text}");
        assert!(text.contains("\n- 2 cores\n"), "{text}");
    }

    #[test]
    fn a_marked_section_is_replaced() {
        assert_eq!(between("a<b>old<e>c", "<b>", "<e>", "new\n").as_deref(), Some("a<b>\nnew\n<e>c"));
        assert_eq!(between("a<b>old", "<b>", "<e>", "new"), None);
    }

    #[test]
    fn digits_come_in_threes() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
