//! The black swan, drawn: two curves over time, in each of two panels.

use std::fmt::Write as _;
use std::time::Duration;

use crate::black_swan::{FIRST, Hurt, LASTS, STOPPED, Wake};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 410.0;
/// A panel's place: left edge of its axes, width, top, height.
const PANELS: [f64; 2] = [64.0, 486.0];
const PANEL_WIDTH: f64 = 350.0;
const TOP: f64 = 128.0;
const PANEL_HEIGHT: f64 = 220.0;

/// Colours that the colour-blind can distinguish, readable on both grounds; dark mode where the reader has it on.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328;font-size:13px}\
.ground{fill:#fff}.title{font-size:18px;font-weight:600}.panel{font-size:14px;font-weight:600}.soft{fill:#59636e}\
.grid{stroke:#d1d9e0;stroke-width:1}.axis{stroke:#59636e;stroke-width:1}.swan{fill:#59636e;fill-opacity:.10}\
.line{fill:none;stroke-width:2.5;stroke-linejoin:round}.one{stroke:#c2410c}.many{stroke:#0b69c7}\
text.one{fill:#c2410c;stroke:none;font-weight:600}text.many{fill:#0b69c7;stroke:none;font-weight:600}\
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.ground{fill:#0d1117}.soft{fill:#9198a1}\
.grid{stroke:#3d444d}.axis{stroke:#9198a1}.swan{fill:#9198a1;fill-opacity:.16}\
.one{stroke:#ff8a4c}.many{stroke:#58a6ff}text.one{fill:#ff8a4c}text.many{fill:#58a6ff}}";

/// Draws two stacks next to each other.
#[must_use]
pub fn draw(many: &Wake, one: &Wake) -> String {
    let mut svg = String::new();
    // Writing to a String can't fail.
    let _ = write!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-labelledby="t d"><title id="t">One poison tenant: {cells} cells and one big cell</title><desc id="d">{description}</desc><style>{STYLE}</style><rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="8"/>"#,
        cells = many.cells,
        description = describe(many, one),
    );
    let _ = write!(
        svg,
        r#"<text class="title" x="24" y="34">A tenant whose requests kill the cell they reach</text><text class="soft" x="24" y="56">{} tenants, the same load on both; simulated time, grey while the tenant sends</text>"#,
        many.tenants
    );
    let _ = write!(
        svg,
        r#"<line class="line one" x1="24" x2="48" y1="77" y2="77"/><text x="56" y="82">one big cell</text><line class="line many" x1="168" x2="192" y1="77" y2="77"/><text x="200" y="82">{} cells</text>"#,
        many.cells
    );
    panel(&mut svg, PANELS[0], "requests that failed, %", |hurt| hurt.requests, many, one);
    panel(&mut svg, PANELS[1], "tenants hurt, %", |hurt| hurt.tenants, many, one);
    svg.push_str("</svg>\n");
    svg
}

fn describe(many: &Wake, one: &Wake) -> String {
    let ((many_requests, many_tenants), (one_requests, one_tenants)) = (many.peak(), one.peak());
    format!(
        "At the worst moment {:.1} % of the requests fail and {:.1} % of the tenants are hurt with {} cells, {:.1} % and \
         {:.1} % with one big cell.",
        many_requests * 100.0,
        many_tenants * 100.0,
        many.cells,
        one_requests * 100.0,
        one_tenants * 100.0
    )
}

fn panel(svg: &mut String, left: f64, title: &str, of: fn(&Hurt) -> f64, many: &Wake, one: &Wake) {
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
    for (wake, class) in [(one, "one"), (many, "many")] {
        let mut points = format!("{left:.1},{bottom:.1}");
        for hurt in &wake.hurt {
            let _ = write!(points, " {:.1},{:.1}", x(hurt.at), y(of(hurt)));
        }
        let _ = write!(svg, r#"<polyline class="line {class}" points="{points}"/>"#);
        let highest = wake.hurt.iter().map(of).fold(0.0, f64::max);
        let _ = write!(
            svg,
            r#"<text class="{class}" text-anchor="middle" x="{:.1}" y="{:.1}">{:.1} %</text>"#,
            (from + to) / 2.0,
            y(highest) + if highest > 0.9 { 20.0 } else { -10.0 },
            highest * 100.0
        );
    }
}
