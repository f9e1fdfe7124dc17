//! The parts that all pictures have: the ground with its title, axes, bars and the legend.

use std::fmt::Write as _;

pub(super) const WIDTH: f64 = 860.0;

/// Colours that the colour-blind can distinguish, readable on both grounds; dark mode where the reader has it on. Bars
/// before are hollow and bars after are full, so that they differ without colours, too.
const STYLE: &str = "\
text{font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2328;font-size:13px}\
.ground{fill:#fff}.title{font-size:18px;font-weight:600}.panel{font-size:14px;font-weight:600}.soft{fill:#59636e}\
.small{font-size:11px}.grid{stroke:#d1d9e0;stroke-width:1}.axis{stroke:#59636e;stroke-width:1}\
.limit{fill:none;stroke:#1f2328;stroke-width:1.5;stroke-dasharray:3 2}\
.before{fill:#c2410c;fill-opacity:.12;stroke:#c2410c;stroke-width:1}.before.dense{fill:none}.after{fill:#0b69c7}\
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.ground{fill:#0d1117}.soft{fill:#9198a1}\
.grid{stroke:#3d444d}.axis{stroke:#9198a1}.limit{stroke:#f0f6fc}\
.before{fill:#ff8a4c;fill-opacity:.16;stroke:#ff8a4c}.before.dense{fill:none}.after{fill:#58a6ff}}";

/// The width of a slot below which bars of one kind cover those of the other.
const DENSE: f64 = 8.0;

/// A picture that is being drawn.
pub(super) struct Picture {
    svg: String,
}

/// The ground of a picture and the words on it.
pub(super) struct Ground<'a> {
    pub(super) height: f64,
    pub(super) title: &'a str,
    pub(super) subtitle: &'a str,
    /// The picture in words.
    pub(super) description: &'a str,
}

/// A kind of bars.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bars {
    Before,
    After,
}

/// The place of axes, with the value at their top.
pub(super) struct Panel<'a> {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) title: &'a str,
    /// The largest value.
    pub(super) most: f64,
    /// The number of slots for bars.
    pub(super) slots: usize,
}

impl Bars {
    const fn class(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

impl Picture {
    pub(super) fn on(Ground { height, title, subtitle, description }: &Ground<'_>) -> Self {
        let mut svg = String::new();
        // Writing to a String can't fail.
        let _ = write!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="t d"><title id="t">{title}</title><desc id="d">{description}</desc><style>{STYLE}</style><rect class="ground" width="{WIDTH}" height="{height}" rx="8"/><text class="title" x="24" y="34">{title}</text><text class="soft" x="24" y="56">{subtitle}</text>"#
        );
        Self { svg }
    }

    /// Writes the legend of both kinds of bars, from a left edge on.
    pub(super) fn legend(&mut self, left: f64, before: &str, after: &str) {
        for (left, bars, name) in [(left, Bars::Before, before), (left + 160.0, Bars::After, after)] {
            let (class, text) = (bars.class(), left + 22.0);
            let _ = write!(
                self.svg,
                r#"<rect class="{class}" x="{left}" y="71" width="14" height="12"/><text x="{text}" y="82">{name}</text>"#
            );
        }
    }

    /// Writes the legend of the line of capacities.
    pub(super) fn legend_of_limit(&mut self, name: &str) {
        let _ = write!(self.svg, r#"<path class="limit" d="M408 77H432"/><text x="440" y="82">{name}</text>"#);
    }

    /// Draws the axes of a panel.
    pub(super) fn axes(&mut self, panel: &Panel<'_>) {
        let Panel { left, top, width, title, .. } = panel;
        let _ = write!(self.svg, r#"<text class="panel" x="{left}" y="{}">{title}</text>"#, top - 12.0);
        let (right, bottom) = (left + width, panel.y(0.0));
        for tick in ticks(panel.most) {
            let at = panel.y(tick);
            let _ = write!(
                self.svg,
                r#"<line class="grid" x1="{left}" x2="{right}" y1="{at:.1}" y2="{at:.1}"/><text class="soft" text-anchor="end" x="{}" y="{:.1}">{}</text>"#,
                left - 8.0,
                at + 4.5,
                short(tick, panel.most)
            );
        }
        let _ = write!(self.svg, r#"<line class="axis" x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}"/>"#);
    }

    /// Draws one bar per slot: those before in its left half, those after in its right half. All of a kind are one path,
    /// so that a thousand of them stay small. Where slots are narrow, those before are one outline over those after, so
    /// draw these first.
    pub(super) fn bars(&mut self, panel: &Panel<'_>, bars: Bars, values: impl IntoIterator<Item = f64>) {
        if panel.slot() < DENSE {
            return self.silhouette(panel, bars, values);
        }
        let slot = panel.slot();
        let shift = match bars {
            Bars::Before => 0.1,
            Bars::After => 0.5,
        };
        let mut path = String::new();
        for (at, value) in values.into_iter().enumerate().filter(|(_, value)| *value > 0.0) {
            let (x, y) = (panel.left + slot * (at as f64 + shift), panel.y(value));
            let _ = write!(path, "M{x:.2} {:.1}V{y:.1}h{:.2}V{:.1}z", panel.y(0.0), slot * 0.4, panel.y(0.0));
        }
        let _ = write!(self.svg, r#"<path class="{}" d="{path}"/>"#, bars.class());
    }

    /// Draws bars without gaps, as one shape.
    fn silhouette(&mut self, panel: &Panel<'_>, bars: Bars, values: impl IntoIterator<Item = f64>) {
        let (left, ground) = (panel.left, panel.y(0.0));
        let mut path = format!("M{left} {ground:.1}");
        for value in values {
            let _ = write!(path, "V{:.1}h{:.2}", panel.y(value), panel.slot());
        }
        let _ = write!(self.svg, r#"<path class="{} dense" d="{path}V{ground:.1}z"/>"#, bars.class());
    }

    /// Draws a line over each slot.
    pub(super) fn limits(&mut self, panel: &Panel<'_>, values: impl IntoIterator<Item = f64>) {
        let mut path = String::new();
        for (at, value) in values.into_iter().enumerate() {
            let x = panel.left + panel.slot() * at as f64;
            let _ = write!(path, "M{x:.2} {:.1}h{:.2}", panel.y(value), panel.slot());
        }
        let _ = write!(self.svg, r#"<path class="limit" d="{path}"/>"#);
    }

    /// Writes a text under a slot; slanted where there is not enough room.
    pub(super) fn label(&mut self, panel: &Panel<'_>, slot: usize, text: &str) {
        /// The width of a character, at most.
        const CHARACTER: f64 = 7.0;
        let (x, y) = (panel.left + panel.slot() * (slot as f64 + 0.5), panel.y(0.0) + 16.0);
        let form = if text.len() as f64 * CHARACTER <= panel.slot() {
            r#"text-anchor="middle""#.to_owned()
        } else {
            format!(r#"text-anchor="end" transform="rotate(-40 {x:.1} {y:.1})""#)
        };
        let _ = write!(self.svg, r#"<text class="soft small" x="{x:.1}" y="{y:.1}" {form}>{text}</text>"#);
    }

    /// Writes a text in the middle under a panel.
    pub(super) fn caption(&mut self, panel: &Panel<'_>, below: f64, text: &str) {
        let (x, y) = (panel.left + panel.width / 2.0, panel.y(0.0) + below);
        let _ = write!(self.svg, r#"<text class="soft" text-anchor="middle" x="{x:.1}" y="{y:.1}">{text}</text>"#);
    }

    /// Writes the value of a bar over it.
    pub(super) fn value(&mut self, panel: &Panel<'_>, slot: usize, bars: Bars, value: f64, text: &str) {
        let middle = match bars {
            Bars::Before => 0.3,
            Bars::After => 0.7,
        };
        let (x, y) = (panel.left + panel.slot() * (slot as f64 + middle), panel.y(value) - 5.0);
        let _ = write!(self.svg, r#"<text class="small" text-anchor="middle" x="{x:.1}" y="{y:.1}">{text}</text>"#);
    }

    pub(super) fn end(mut self) -> String {
        self.svg.push_str("</svg>\n");
        self.svg
    }
}

impl Panel<'_> {
    fn y(&self, value: f64) -> f64 {
        self.top + self.height * (1.0 - value / self.most)
    }

    fn slot(&self) -> f64 {
        self.width / self.slots.max(1) as f64
    }
}

/// Returns a value of an axis that goes up to `most`, in thousands or millions where it would be long.
fn short(tick: f64, most: f64) -> String {
    let (unit, name) = [(1e6, " M"), (1e3, " k")].into_iter().find(|(unit, _)| most >= unit * 5.0).unwrap_or((1.0, ""));
    let name = if tick > 0.0 { name } else { "" };
    format!("{}{name}", tick / unit)
}

/// Returns a count with a comma per three digits.
pub(super) fn count(count: u64) -> String {
    let digits = count.to_string();
    let comma = |at: usize| if at > 0 && (digits.len() - at).is_multiple_of(3) { "," } else { "" };
    digits.char_indices().map(|(at, digit)| format!("{}{digit}", comma(at))).collect()
}

/// Returns a part in percent, with more digits where it is small: two lost cells of a hundred take 0.02 %.
pub(super) fn percent(part: f64) -> String {
    match part * 100.0 {
        0.0 => "0".to_owned(),
        small if small < 1.0 => format!("{small:.2}"),
        percent => format!("{percent:.1}"),
    }
}

/// Returns round values from 0 up to the largest, six at most.
pub(super) fn ticks(most: f64) -> Vec<f64> {
    let magnitude = 10_f64.powf((most / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|part| part * magnitude).find(|step| *step * 5.0 >= most);
    let step = step.unwrap_or(most);
    (0..).map(|at| (f64::from(at) * step * 1e6).round() / 1e6).take_while(|tick| *tick <= most).take(6).collect()
}
