//! The black swan, drawn: three curves over time, in each of two panels.

use std::fmt::Write as _;
use std::time::Duration;

use super::{FIRST, Hurt, LASTS, STOPPED, Wake};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 490.0;
/// A panel's place: left edge of its axes, width, top, height.
const PANELS: [f64; 2] = [64.0, 486.0];
const PANEL_WIDTH: f64 = 350.0;
const TOP: f64 = 128.0;
const PANEL_HEIGHT: f64 = 300.0;

/// Colours that the colour-blind can distinguish, readable on both grounds; dark mode where the reader has it on. Dashes
/// distinguish the curves without colours.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328;font-size:13px}\
.ground{fill:#fff}.title{font-size:18px;font-weight:600}.panel{font-size:14px;font-weight:600}.soft{fill:#59636e}\
.grid{stroke:#d1d9e0;stroke-width:1}.axis{stroke:#59636e;stroke-width:1}.swan{fill:#59636e;fill-opacity:.10}\
.line{fill:none;stroke-width:2.5;stroke-linejoin:round}.one{stroke:#c2410c}.many{stroke:#0b69c7;stroke-dasharray:7 3}\
.backed{stroke:#00785a}text.one{fill:#c2410c}text.many{fill:#0b69c7}text.backed{fill:#00785a}\
text.one,text.many,text.backed{stroke:none;font-weight:600}\
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.ground{fill:#0d1117}.soft{fill:#9198a1}\
.grid{stroke:#3d444d}.axis{stroke:#9198a1}.swan{fill:#9198a1;fill-opacity:.16}\
.one{stroke:#ff8a4c}.many{stroke:#58a6ff}.backed{stroke:#3ddc97}\
text.one{fill:#ff8a4c}text.many{fill:#58a6ff}text.backed{fill:#3ddc97}}";

/// A stack's curve.
struct Curve<'a> {
    wake: &'a Wake,
    class: &'static str,
    name: String,
    /// The left edge of its entry in the legend.
    legend: f64,
}

/// Draws three stacks next to each other: of one big cell, of many, and of as many with standbys.
#[must_use]
pub fn draw(one: &Wake, many: &Wake, backed: &Wake) -> String {
    let curves = [
        Curve { wake: one, class: "one", name: "one big cell".to_owned(), legend: 24.0 },
        Curve { wake: many, class: "many", name: format!("{} cells", many.cells), legend: 168.0 },
        Curve { wake: backed, class: "backed", name: format!("{} cells with standbys", backed.cells), legend: 276.0 },
    ];
    let mut svg = String::new();
    // Writing to a String can't fail.
    let _ = write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="t d"><title id="t">One poison tenant: one big cell, {cells} cells, and {cells} cells with standbys</title><desc id="d">{description}</desc><style>{STYLE}</style><rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="8"/>"#,
        cells = many.cells,
        description = describe(&curves),
    );
    let _ = write!(
        svg,
        r#"<text class="title" x="24" y="34">A tenant whose requests kill the cell they reach</text><text class="soft" x="24" y="56">{} tenants, the same load on all; simulated time, grey while the tenant sends</text>"#,
        many.tenants
    );
    for Curve { class, name, legend, .. } in &curves {
        let (end, text) = (legend + 24.0, legend + 32.0);
        let _ = write!(
            svg,
            r#"<line class="line {class}" x1="{legend}" x2="{end}" y1="77" y2="77"/><text x="{text}" y="82">{name}</text>"#
        );
    }
    panel(&mut svg, PANELS[0], "requests that failed, %", |hurt| hurt.requests, &curves);
    panel(&mut svg, PANELS[1], "tenants hurt, %", |hurt| hurt.tenants, &curves);
    svg.push_str("</svg>\n");
    svg
}

fn describe(curves: &[Curve<'_>]) -> String {
    let worst = |Curve { wake, name, .. }: &Curve<'_>| {
        let (requests, tenants) = wake.peak();
        format!("{name}: {:.1} % and {:.1} %", requests * 100.0, tenants * 100.0)
    };
    let worst: Vec<_> = curves.iter().map(worst).collect();
    let later = |Curve { wake, name, .. }: &Curve<'_>| {
        let tenants = wake.hurt_later as f64 * 100.0 / wake.tenants.max(1) as f64;
        format!("{name}: {tenants:.1} %")
    };
    let later: Vec<_> = curves.iter().map(later).collect();
    format!(
        "Requests that fail and tenants that are hurt at the worst moment: {}. Tenants hurt after the first ten seconds: {}.",
        worst.join("; "),
        later.join("; ")
    )
}

fn panel(svg: &mut String, left: f64, title: &str, of: fn(&Hurt) -> f64, curves: &[Curve<'_>]) {
    let x = |at: Duration| left + PANEL_WIDTH * at.as_secs_f64() / LASTS.as_secs_f64();
    let y = |share: f64| TOP + PANEL_HEIGHT * (1.0 - share);
    let (bottom, right) = (y(0.0), left + PANEL_WIDTH);
    let _ = write!(svg, r#"<text class="panel" x="{left}" y="{}">{title}</text>"#, TOP - 12.0);
    let (from, to) = (x(FIRST), x(STOPPED));
    let width = to - from;
    let _ = write!(svg, r#"<rect class="swan" x="{from:.1}" y="{TOP}" width="{width:.1}" height="{PANEL_HEIGHT}"/>"#);
    for percent in [0_u32, 25, 50, 75, 100] {
        let at = y(f64::from(percent) / 100.0);
        let _ = write!(
            svg,
            r#"<line class="grid" x1="{left}" x2="{right}" y1="{at:.1}" y2="{at:.1}"/><text class="soft" text-anchor="end" x="{}" y="{:.1}">{percent}</text>"#,
            left - 8.0,
            at + 4.5
        );
    }
    for second in (0..=LASTS.as_secs()).step_by(20) {
        let at = x(Duration::from_secs(second));
        let _ = write!(
            svg,
            r#"<line class="axis" x1="{at:.1}" x2="{at:.1}" y1="{bottom}" y2="{}"/><text class="soft" text-anchor="middle" x="{at:.1}" y="{}">{second}</text>"#,
            bottom + 4.0,
            bottom + 20.0
        );
    }
    let _ = write!(
        svg,
        r#"<line class="axis" x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}"/><text class="soft" text-anchor="middle" x="{}" y="{}">time, s</text>"#,
        left + PANEL_WIDTH / 2.0,
        bottom + 40.0
    );
    for Curve { wake, class, .. } in curves {
        let mut points = format!("{left:.1},{bottom:.1}");
        for hurt in &wake.hurt {
            let _ = write!(points, " {:.1},{:.1}", x(hurt.at), y(of(hurt)));
        }
        let _ = write!(svg, r#"<polyline class="line {class}" points="{points}"/>"#);
        let highest = wake.highest_later(of);
        let _ = write!(
            svg,
            r#"<text class="{class}" text-anchor="middle" x="{:.1}" y="{:.1}">{:.1} %</text>"#,
            (from + to) / 2.0,
            y(highest) + if highest > 0.9 { 20.0 } else { -8.0 },
            highest * 100.0
        );
    }
}
