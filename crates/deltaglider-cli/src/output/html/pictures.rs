//! The pictures of the page, each an SVG with its words in it.

use std::collections::BTreeMap;

use deltaglider::core::engine::stats::Verdict;

use super::{AnalysisReport, escaped, named, percent};
use crate::analysis::Space;
use crate::byte_size;
use crate::sampling::Estimate;

const WIDTH: f64 = 1000.0;
/// Spaces whose course is drawn.
const COURSES: usize = 12;
/// Colours of extensions, told apart by their lightness too.
const COLOURS: [&str; 6] = ["#2c6fbb", "#e0892b", "#3f9b6b", "#8f5bb5", "#c9503f", "#7a8594"];
/// Bounds of the histogram's bars.
const BOUNDS: [f64; 9] = [0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.5, 0.9, f64::INFINITY];

fn svg(width: f64, height: f64, title: &str, description: &str, content: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{title}: {description}\"><title>{title}</title>\
         <desc>{description}</desc>{content}</svg>\n",
        title = escaped(title),
        description = escaped(description)
    )
}

/// Stored beside content.
pub(super) fn bar(logical: u64, stored: u64) -> String {
    let share = if logical == 0 { 0.0 } else { (stored as f64 / logical as f64).min(1.0) };
    let description = format!("{} of {}: {}", byte_size::human(stored), byte_size::human(logical), percent(share));
    let content = format!(
        "<rect width=\"{WIDTH}\" height=\"18\" rx=\"4\" fill=\"var(--line)\"/><rect width=\"{:.1}\" height=\"18\" rx=\"4\" fill=\"var(--blue)\"/>",
        (share * WIDTH).max(2.0)
    );
    svg(WIDTH, 18.0, "Stored of the content", &description, &content)
}

/// A rectangle a space, its area the content.
pub(super) fn map(report: &AnalysisReport<'_>) -> String {
    const HEIGHT: f64 = 360.0;
    let spaces: Vec<&Space> = report.spaces.iter().filter(|space| space.logical() > 0).take(60).collect();
    let mut content = String::new();
    let sizes: Vec<f64> = spaces.iter().map(|space| space.logical() as f64).collect();
    for (space, place) in spaces.iter().zip(tiles(&sizes, WIDTH, HEIGHT)) {
        let [x, y, width, height] = place;
        let label = format!(
            "{}: {} of {} stored, {} saved, {}",
            named(&space.prefix),
            byte_size::human(space.stored()),
            byte_size::human(space.logical()),
            percent(space.saved()),
            space.verdict(report.min_deltas).as_str()
        );
        content.push_str(&format!(
            "<g><title>{}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{}\" stroke=\"var(--paper)\" \
             stroke-width=\"2\"/>",
            escaped(&label),
            colour(space, report.min_deltas)
        ));
        if width > 70.0 && height > 34.0 {
            let fits = ((width - 12.0) / 7.0) as usize;
            content.push_str(&format!(
                "<text class=\"on\" x=\"{:.1}\" y=\"{:.1}\">{}</text><text class=\"on\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x + 6.0,
                y + 16.0,
                escaped(&end_of(named(&space.prefix), fits)),
                x + 6.0,
                y + 31.0,
                percent(space.saved())
            ));
        }
        content.push_str("</g>");
    }
    let largest: Vec<String> = spaces
        .iter()
        .take(5)
        .map(|space| format!("{} {} saved", named(&space.prefix), percent(space.saved())))
        .collect();
    svg(WIDTH, HEIGHT, "Delta spaces by content", &largest.join(", "), &content)
}

/// Green where much is saved, grey where nothing is, red where the reference is wrong.
fn colour(space: &Space, min_deltas: usize) -> &'static str {
    match space.verdict(min_deltas) {
        Verdict::Poor | Verdict::NoReference => "#b8433a",
        Verdict::NotMigrated => "#77818e",
        _ => match space.saved() {
            0.9.. => "#14694b",
            0.75.. => "#2b7f60",
            0.5.. => "#577f4a",
            0.2.. => "#8a7a2f",
            _ => "#9a6b2f",
        },
    }
}

/// Lays areas out in a rectangle by halving it along its longer side; the largest come first.
fn tiles(sizes: &[f64], width: f64, height: f64) -> Vec<[f64; 4]> {
    fn lay(sizes: &[f64], [x, y, width, height]: [f64; 4], places: &mut Vec<[f64; 4]>) {
        if sizes.len() <= 1 {
            places.extend(sizes.iter().map(|_| [x, y, width, height]));
            return;
        }
        let all: f64 = sizes.iter().sum();
        let mut cut = 1;
        let mut first = sizes[0];
        while cut < sizes.len() - 1 && first + sizes[cut] / 2.0 < all / 2.0 {
            first += sizes[cut];
            cut += 1;
        }
        let share = first / all;
        let (one, two) = if width >= height {
            let part = width * share;
            ([x, y, part, height], [x + part, y, width - part, height])
        } else {
            let part = height * share;
            ([x, y, width, part], [x, y + part, width, height - part])
        };
        lay(&sizes[..cut], one, places);
        lay(&sizes[cut..], two, places);
    }
    let mut places = Vec::new();
    lay(sizes, [0.0, 0.0, width, height], &mut places);
    places
}

/// The course of each of the largest spaces.
pub(super) fn courses(report: &AnalysisReport<'_>) -> String {
    report.spaces.iter().take(COURSES.min(report.top.max(1))).map(|space| course(space, report)).collect()
}

fn course(space: &Space, report: &AnalysisReport<'_>) -> String {
    const SIZE: [f64; 2] = [300.0, 130.0];
    const LEFT: f64 = 42.0;
    let (bottom, top) = (SIZE[1] - 8.0, 8.0);
    // Three powers of ten.
    let y = |ratio: f64| bottom + (top - bottom) * (ratio.clamp(0.001, 1.0).log10() + 3.0) / 3.0;
    let step = (SIZE[0] - LEFT - 12.0) / (space.points.len().max(2) - 1) as f64;
    let mut content = String::new();
    for (ratio, label) in [(1.0, "100%"), (0.1, "10%"), (0.01, "1%"), (0.001, "0.1%")] {
        content.push_str(&format!(
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"var(--line)\"/><text class=\"soft\" x=\"{}\" y=\"{:.1}\" \
             text-anchor=\"end\">{label}</text>",
            SIZE[0],
            LEFT - 6.0,
            y(ratio) + 4.0,
            y = y(ratio)
        ));
    }
    content.push_str(&format!(
        "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"var(--bad)\" stroke-dasharray=\"5 4\"/>",
        SIZE[0],
        y = y(report.max_ratio)
    ));
    for (number, point) in space.points.iter().enumerate() {
        let fill = if point.is_delta { "var(--blue)" } else { "var(--mid)" };
        content.push_str(&format!(
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{fill}\"><title>{}: {} of {}</title></circle>",
            LEFT + 6.0 + step * number as f64,
            y(point.ratio()),
            escaped(&point.name),
            byte_size::human(point.stored),
            byte_size::human(point.size)
        ));
    }
    let median = space
        .median_ratio()
        .map_or_else(|| "no reference".to_owned(), |ratio| format!("{} in the middle", percent(ratio)));
    let description = format!("{} objects, stored ÷ content: {median}", space.points.len());
    format!(
        "<div class=\"panel\"><h3>{}</h3>{}</div>",
        escaped(named(&space.prefix)),
        svg(SIZE[0], SIZE[1], &format!("Course of {}", named(&space.prefix)), &description, &content)
    )
}

/// Objects by ratio, stacked by extension.
pub(super) fn histogram(report: &AnalysisReport<'_>) -> String {
    const HEIGHT: f64 = 240.0;
    let mut by_extension: BTreeMap<String, [u64; BOUNDS.len()]> = BTreeMap::new();
    for point in report.spaces.iter().flat_map(|space| &space.points) {
        let bin = BOUNDS.iter().position(|bound| point.ratio() <= *bound).unwrap_or(BOUNDS.len() - 1);
        by_extension.entry(point.extension()).or_default()[bin] += 1;
    }
    let mut order: Vec<_> = by_extension.into_iter().collect();
    order.sort_by_key(|(_, bins)| std::cmp::Reverse(bins.iter().sum::<u64>()));
    // The last colour stands for all that are left.
    let mut shown: Vec<(String, [u64; BOUNDS.len()])> = order.iter().take(COLOURS.len() - 1).cloned().collect();
    let mut rest = [0; BOUNDS.len()];
    for (_, bins) in order.iter().skip(COLOURS.len() - 1) {
        for (sum, count) in rest.iter_mut().zip(bins) {
            *sum += count;
        }
    }
    if rest.iter().any(|count| *count > 0) {
        shown.push(("others".to_owned(), rest));
    }
    let totals: Vec<u64> = (0..BOUNDS.len()).map(|bin| shown.iter().map(|(_, bins)| bins[bin]).sum()).collect();
    let most = totals.iter().copied().max().unwrap_or(1).max(1) as f64;
    let (base, scale) = (HEIGHT - 46.0, (HEIGHT - 74.0) / most);
    let slot = WIDTH / BOUNDS.len() as f64;
    let mut content = format!("<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{base}\" y2=\"{base}\" stroke=\"var(--line)\"/>");
    for (bin, total) in totals.iter().enumerate() {
        let x = slot * bin as f64 + 10.0;
        let mut y = base;
        for ((extension, bins), colour) in shown.iter().zip(COLOURS) {
            let height = bins[bin] as f64 * scale;
            y -= height;
            if bins[bin] > 0 {
                content.push_str(&format!(
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{colour}\"><title>{}: {}</title></rect>",
                    slot - 20.0,
                    escaped(extension),
                    bins[bin]
                ));
            }
        }
        if *total > 0 {
            content.push_str(&format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{total}</text>",
                x + slot / 2.0 - 10.0,
                y - 6.0
            ));
        }
        content.push_str(&format!(
            "<text class=\"soft\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            x + slot / 2.0 - 10.0,
            base + 16.0,
            bound_label(bin)
        ));
    }
    for (number, ((extension, _), colour)) in shown.iter().zip(COLOURS).enumerate() {
        let x = 10.0 + 150.0 * number as f64;
        content.push_str(&format!(
            "<rect x=\"{x}\" y=\"{:.1}\" width=\"11\" height=\"11\" fill=\"{colour}\"/><text x=\"{}\" y=\"{:.1}\">{}</text>",
            HEIGHT - 16.0,
            x + 17.0,
            HEIGHT - 6.0,
            escaped(extension)
        ));
    }
    let description: Vec<String> = totals
        .iter()
        .enumerate()
        .filter(|(_, total)| **total > 0)
        .map(|(bin, total)| format!("{total} {}", bound_label(bin)))
        .collect();
    svg(WIDTH, HEIGHT, "Objects by stored share", &description.join(", "), &content)
}

fn bound_label(bin: usize) -> String {
    let percentage = |bound: f64| format!("{}%", bound * 100.0);
    match bin {
        0 => format!("≤ {}", percentage(BOUNDS[0])),
        bin if BOUNDS[bin].is_infinite() => format!("> {}", percentage(BOUNDS[bin - 1])),
        bin => format!("≤ {}", percentage(BOUNDS[bin])),
    }
}

/// The interval of an estimate on a line from nothing saved to everything.
pub(super) fn estimate(estimate: &Estimate) -> String {
    let [least, likely, most] = estimate.saved();
    let x = |share: f64| share.clamp(0.0, 1.0) * (WIDTH - 20.0) + 10.0;
    let content = format!(
        "<line x1=\"10\" x2=\"{}\" y1=\"20\" y2=\"20\" stroke=\"var(--line)\" stroke-width=\"6\"/>\
         <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"20\" y2=\"20\" stroke=\"var(--blue)\" stroke-width=\"6\"/>\
         <circle cx=\"{:.1}\" cy=\"20\" r=\"7\" fill=\"var(--blue)\"/><text class=\"soft\" x=\"10\" y=\"46\">0% saved</text>\
         <text class=\"soft\" x=\"{}\" y=\"46\" text-anchor=\"end\">100%</text>",
        WIDTH - 10.0,
        x(least),
        x(most),
        x(likely),
        WIDTH - 10.0
    );
    let description = format!("{}, between {} and {}", percent(likely), percent(least), percent(most));
    svg(WIDTH, 52.0, "Estimated savings", &description, &content)
}

/// The end of a name, of so many characters.
fn end_of(name: &str, most: usize) -> String {
    let length = name.chars().count();
    if length <= most {
        return name.to_owned();
    }
    let end: String = name.chars().skip(length - most.saturating_sub(1)).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_have_the_areas_of_what_they_stand_for() {
        let sizes = [50.0, 30.0, 15.0, 5.0];
        let places = tiles(&sizes, 200.0, 100.0);
        for (size, [_, _, width, height]) in sizes.iter().zip(&places) {
            assert!((width * height - size * 200.0).abs() < 1e-6, "{places:?}");
        }
        assert!(tiles(&[], 1.0, 1.0).is_empty());
    }

    #[test]
    fn long_names_show_their_end() {
        assert_eq!(end_of("a/very/long/prefix/", 8), "…prefix/");
        assert_eq!(end_of("short/", 8), "short/");
    }
}
