//! The picture: bars in three panels, short is good.

use std::fmt::Write as _;

use super::table::number;
use crate::figures::median_of;
use crate::machine::Machine;
use crate::rounds::{Field, Measured};
use crate::stats::median;
use crate::subject::Subject;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 268.0;
/// Left edges of the panels; the first leaves room for the names.
const PANELS: [f64; 3] = [150.0, 396.0, 642.0];
/// The longest bar: its number stands behind it.
const BAR: f64 = 136.0;
const TOP: f64 = 108.0;
const ROW: f64 = 36.0;
const THICK: f64 = 20.0;

/// The colours of the other pictures; dark mode if the reader has it on.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328;font-size:13px}\
.ground{fill:#fff}.title{font-size:18px;font-weight:600}.panel{font-size:14px;font-weight:600}.soft{fill:#59636e}\
.bar{fill:#afb8c1}.ours{fill:#0b69c7}text.us{fill:#0b69c7;font-weight:600}\
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.ground{fill:#0d1117}.soft{fill:#9198a1}\
.bar{fill:#3d444d}.ours{fill:#58a6ff}text.us{fill:#58a6ff}}";

/// A panel: its title, its unit, and its value of a subject.
type Panel = (&'static str, &'static str, fn(&Measured) -> Option<f64>);

const SHOWN: [Panel; 3] = [
    ("warm write, p50", "us", |measured| median(&measured.warm_us(0.5))),
    ("start to first event", "ms", |measured| median_of(&measured.bare, |start| start.init_ms)),
    ("peak memory", "MB", Measured::peak_rss_mb),
];

/// Draws the picture.
pub(crate) fn draw(field: &Field, machine: &Machine) -> String {
    let mut svg = String::new();
    // Writing to a String can't fail.
    let _ = write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="t d"><title id="t">The router alongside a bare function and the same router in Python and Node</title><desc id="d">{description}</desc><style>{STYLE}</style><rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="8"/><text class="title" x="24" y="34">The router, alongside a bare function and itself in Python and Node</text><text class="soft" x="24" y="56">{subtitle}</text>"#,
        description = describe(field),
        subtitle =
            escaped(&format!("One interleaved run, medians; AWS mocked without network time; {}", machine.line())),
    );
    for (row, (subject, _)) in field.iter().enumerate() {
        let class = if *subject == Subject::Router { "us" } else { "" };
        let y = middle(row);
        let _ = write!(
            svg,
            r#"<text class="{class}" text-anchor="end" x="{}" y="{y}">{}</text>"#,
            PANELS[0] - 10.0,
            label(*subject)
        );
    }
    for (left, (title, unit, of)) in PANELS.into_iter().zip(SHOWN) {
        panel(&mut svg, left, title, unit, of, field);
    }
    svg.push_str("</svg>\n");
    svg
}

const fn label(subject: Subject) -> &'static str {
    match subject {
        Subject::Hello => "bare hello, Rust",
        Subject::Router => "router",
        Subject::Python => "Python, boto3",
        Subject::Node => "Node, SDK v3",
    }
}

fn middle(row: usize) -> f64 {
    TOP + ROW * row as f64 + THICK / 2.0 + 4.5
}

fn panel(svg: &mut String, left: f64, title: &str, unit: &str, of: fn(&Measured) -> Option<f64>, field: &Field) {
    let longest = field.values().filter_map(of).fold(0.0, f64::max);
    let _ = write!(svg, r#"<text class="panel" x="{left}" y="{}">{title}</text>"#, TOP - 14.0);
    for (row, (subject, measured)) in field.iter().enumerate() {
        let Some(value) = of(measured) else {
            continue;
        };
        let (bar, text) = if *subject == Subject::Router { ("bar ours", "us") } else { ("bar", "soft") };
        // Short bars stay visible.
        let width = (BAR * value / longest).max(2.0);
        let y = TOP + ROW * row as f64;
        let number = number(value, unit).replace(" us", " µs");
        let _ = write!(
            svg,
            r#"<rect class="{bar}" x="{left}" y="{y}" width="{width:.1}" height="{THICK}" rx="2"/><text class="{text}" x="{:.1}" y="{}">{number}</text>"#,
            left + width + 7.0,
            middle(row)
        );
    }
}

fn describe(field: &Field) -> String {
    let panel = |(title, unit, of): Panel| {
        let values = field
            .iter()
            .filter_map(|(subject, measured)| Some(format!("{} {}", label(*subject), number(of(measured)?, unit))));
        format!("{title}: {}.", values.collect::<Vec<_>>().join(", "))
    };
    SHOWN.map(panel).join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
