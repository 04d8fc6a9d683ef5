//! An analysis as a page: one file with its pictures in it, each with its words, and no scripts.

mod pictures;

use deltaglider::core::engine::stats::Verdict;

use super::{AnalysisReport, percent};
use crate::byte_size;

const STYLE: &str = "
:root{--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;--paper:#fff;--wash:#f5f7fa;--good:#1b7f5c;--mid:#c98a1b;--bad:#c0392b;--blue:#2c6fbb}
@media(prefers-color-scheme:dark){:root{--ink:#e8ecf1;--soft:#9aa5b4;--line:#36404d;--paper:#141a22;--wash:#1b232d;--good:#4cc197;--mid:#e2b04a;--bad:#ef7a6d;--blue:#6ea8e6}}
*{box-sizing:border-box}body{margin:0;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
main{max-width:1080px;margin:0 auto;padding:32px 24px 64px}h1{font-size:24px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:18px;margin:40px 0 8px}
p.note{color:var(--soft);margin:0 0 12px}.figures{display:flex;flex-wrap:wrap;gap:12px;margin:20px 0}
.figure{background:var(--wash);border:1px solid var(--line);border-radius:8px;padding:10px 16px;min-width:130px}.figure b{display:block;font-size:22px}.figure span{color:var(--soft);font-size:13px}
svg{display:block;width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}svg text.soft{fill:var(--soft)}svg text.on{fill:#fff}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:6px 10px;border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:600;font-size:13px}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:16px}
.panel{border:1px solid var(--line);border-radius:8px;padding:10px}.panel h3{font-size:13px;margin:0 0 4px;overflow-wrap:anywhere}code{font:13px ui-monospace,monospace;background:var(--wash);padding:1px 4px;border-radius:4px;overflow-wrap:anywhere}
.v{font-weight:600}.v.good,.v.excellent{color:var(--good)}.v.fair{color:var(--mid)}.v.poor,.v.no_reference{color:var(--bad)}.v.few,.v.not_migrated{color:var(--soft)}
";

/// The page.
pub(crate) fn page(report: &AnalysisReport<'_>) -> String {
    let title = escaped(report.source);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} – DeltaGlider</title><style>{STYLE}</style></head><body><main>\n<h1>{title}</h1>\n"
    );
    page.push_str(&head(report));
    if !report.spaces.is_empty() {
        page.push_str(&format!(
            "<h2>Where the bytes are</h2><p class=\"note\">Area: bytes of content. Colour: the share that is saved, red where the verdict is \
             poor.</p>{}",
            pictures::map(report)
        ));
        page.push_str(&format!(
            "<h2>Over time</h2><p class=\"note\">Each dot is an object: stored ÷ content, from 0.1% to 100% by powers of ten, in the order in which \
             they were stored. Dashed: what a delta may take at most ({}). A rising course asks for a newer reference; a cloud at the top, for \
             another one, or for other prefixes.</p><div class=\"grid\">{}</div>",
            percent(report.max_ratio),
            pictures::courses(report)
        ));
        page.push_str(&format!(
            "<h2>How small they are</h2><p class=\"note\">Objects by stored ÷ content, stacked by extension.</p>{}",
            pictures::histogram(report)
        ));
        page.push_str(&table(report));
    }
    page.push_str(&what_if(report));
    page.push_str("</main></body></html>\n");
    page
}

fn head(report: &AnalysisReport<'_>) -> String {
    let analysis = report.analysis;
    let (logical, stored) = (analysis.logical(), analysis.stored());
    let figure = |value: String, what: &str| format!("<div class=\"figure\"><b>{value}</b><span>{what}</span></div>");
    format!(
        "<p class=\"note\">{} objects in {} delta spaces, and {} that can be no delta</p><div class=\"figures\">{}{}{}{}</div>{}",
        analysis.objects() - analysis.other_objects,
        report.spaces.len(),
        analysis.other_objects,
        figure(byte_size::human(logical), "content"),
        figure(byte_size::human(stored), "stored"),
        figure(percent(report.saved()), "saved"),
        figure(format!("${:.2}", report.dollars(stored)), &format!("a month at ${} a GiB", report.price)),
        pictures::bar(logical, stored)
    )
}

fn table(report: &AnalysisReport<'_>) -> String {
    let mut rows = String::new();
    for space in report.spaces.iter().take(report.top.max(1)) {
        let verdict = space.verdict(report.min_deltas);
        let advice = match report.advice(space) {
            Some((what, commands)) => {
                let commands: Vec<String> =
                    commands.iter().map(|line| format!("<br><code>{}</code>", escaped(line))).collect();
                format!("{}{}", escaped(&what), commands.concat())
            }
            None => String::new(),
        };
        let ratio = space.median_ratio().map_or_else(|| "–".to_owned(), percent);
        rows.push_str(&format!(
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{ratio}</td>\
             <td class=\"v {}\">{}</td><td>{advice}</td></tr>\n",
            escaped(named(&space.prefix)),
            space.points.len(),
            byte_size::human(space.logical()),
            byte_size::human(space.stored()),
            percent(space.saved()),
            verdict.as_str(),
            words(verdict),
        ));
    }
    format!(
        "<h2>What to do</h2><div class=\"scroll\"><table><thead><tr><th>delta space</th><th class=\"n\">objects</th><th class=\"n\">content</th>\
         <th class=\"n\">stored</th><th class=\"n\">saved</th><th class=\"n\">stored ÷ content</th><th>verdict</th><th>what to do</th></tr></thead>\
         <tbody>{rows}</tbody></table></div>"
    )
}

fn what_if(report: &AnalysisReport<'_>) -> String {
    let Some(estimate) = report.estimate else { return String::new() };
    let [least, likely, most] = estimate.saved().map(percent);
    format!(
        "<h2>If the rest were migrated</h2><p>An estimate, from {} samples that were encoded: {} of content would take about {}. {likely} would be \
         saved; with 95% confidence {least} to {most}.</p>{}",
        estimate.samples,
        byte_size::human(estimate.logical),
        byte_size::human(estimate.stored[1]),
        pictures::estimate(estimate)
    )
}

fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::NoReference => "no reference",
        Verdict::NotMigrated => "not migrated",
        Verdict::Few => "too few to tell",
        other => other.as_str(),
    }
}

fn named(prefix: &str) -> &str {
    if prefix.is_empty() { "(top)" } else { prefix }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }
}
