//! The figures of the router, with the bounds that they must keep.

use serde::Serialize;

use crate::probe::{Probed, Syscalls, Zip};
use crate::rounds::{Field, Measured};
use crate::stats::{median, ratios};
use crate::subject::Subject;
use crate::trial::Start;

/// A bound that a figure must keep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }
}

/// The relation of a figure to its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It reaches its aim, or its requirement if it has no aim.
    Aim,
    /// It keeps its requirement and misses its aim.
    Met,
    Missed,
    NotMeasured,
    /// It has no bounds.
    Noted,
}

/// A line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) measured: Probed<f64>,
    pub(crate) required: Option<Bound>,
    pub(crate) aim: Option<Bound>,
    /// The same figure of the other subjects, if it is of interest.
    pub(crate) beside: Vec<(&'static str, f64)>,
}

impl Figure {
    fn new(name: impl Into<String>, unit: &'static str, measured: Probed<f64>) -> Self {
        Self { name: name.into(), unit, measured, required: None, aim: None, beside: Vec::new() }
    }

    const fn at_most(mut self, required: f64, aim: f64) -> Self {
        (self.required, self.aim) = (Some(Bound::AtMost(required)), Some(Bound::AtMost(aim)));
        self
    }

    const fn at_least(mut self, required: f64, aim: f64) -> Self {
        (self.required, self.aim) = (Some(Bound::AtLeast(required)), Some(Bound::AtLeast(aim)));
        self
    }

    const fn exactly_one(mut self) -> Self {
        self.required = Some(Bound::AtMost(1.0));
        self
    }

    fn beside(mut self, field: &Field, of: impl Fn(&Measured) -> Option<f64>) -> Self {
        let others = field.iter().filter(|(subject, _)| **subject != Subject::Router);
        self.beside = others.filter_map(|(subject, measured)| Some((subject.name(), of(measured)?))).collect();
        self
    }

    /// Returns the verdict on the figure.
    pub(crate) fn verdict(&self) -> Verdict {
        let Ok(value) = self.measured else {
            return Verdict::NotMeasured;
        };
        match (self.required, self.aim) {
            (None, None) => Verdict::Noted,
            (_, Some(aim)) if aim.holds(value) => Verdict::Aim,
            (Some(required), None) if required.holds(value) => Verdict::Aim,
            (Some(required), Some(_)) if required.holds(value) => Verdict::Met,
            _ => Verdict::Missed,
        }
    }
}

/// The measurements besides the rounds.
#[derive(Debug)]
pub(crate) struct Probes {
    pub(crate) syscalls: Probed<Syscalls>,
    pub(crate) instructions: Probed<f64>,
    pub(crate) hello_instructions: Probed<f64>,
    pub(crate) zips: Vec<Zip>,
}

/// Returns all figures, in the order of the table.
pub(crate) fn figures(field: &Field, probes: &Probes) -> Vec<Figure> {
    let nothing = Measured::default();
    let of = |subject| field.get(&subject).unwrap_or(&nothing);
    let router = of(Subject::Router);
    let p50 = |measured: &Measured| median(&measured.warm_us(0.5));
    let against = |subject| median(&ratios(&router.warm_us(0.5), &of(subject).warm_us(0.5)));
    let faster = |subject| median(&ratios(&of(subject).warm_us(0.5), &router.warm_us(0.5)));
    let start = |measured: &Measured| median_of(&measured.bare, |start| start.init_ms);
    let per_write = |count: fn(&crate::mock::Calls) -> usize| {
        let (all, writes) = router
            .warm
            .iter()
            .fold((0, 0), |(all, writes), warm| (all + count(&warm.calls), writes + warm.took_us.len()));
        (writes > 0).then(|| all as f64 / writes as f64)
    };
    let mut figures = vec![
        Figure::new("warm p50", "us", measured(p50(router))).beside(field, p50),
        Figure::new("warm p50 against bare hello", "x", measured(against(Subject::Hello))).at_most(3.5, 2.5),
        Figure::new("warm p50, faster than the Python peer", "x", measured(faster(Subject::Python)))
            .at_least(6.0, 10.0),
        Figure::new("warm p50, faster than the Node peer", "x", measured(faster(Subject::Node))).at_least(6.0, 10.0),
        Figure::new("warm p99 against own p50", "x", measured(tail(router))).at_most(3.0, 2.0).beside(field, tail),
        Figure::new("start to first /next, no call during init", "ms", measured(start(router)))
            .at_most(1.5, 1.2)
            .beside(field, start),
        Figure::new(
            "init + first invoke over TLS",
            "ms",
            measured(median_of(&router.tls_warmed, |start| start.init_ms + start.first_ms)),
        )
        .at_most(8.0, 6.5)
        .beside(field, |m| median_of(&m.tls_warmed, |start| start.init_ms + start.first_ms)),
        Figure::new("first invoke over TLS", "ms", measured(median_of(&router.tls_warmed, |start| start.first_ms)))
            .at_most(0.5, 0.3)
            .beside(field, |m| median_of(&m.tls_warmed, |start| start.first_ms)),
        Figure::new(
            "first invoke over TLS, no call during init",
            "ms",
            measured(median_of(&router.tls_unwarmed, |start| start.first_ms)),
        ),
        Figure::new("peak RSS", "MB", measured(router.peak_rss_mb()))
            .at_most(8.0, 6.5)
            .beside(field, Measured::peak_rss_mb),
        Figure::new("peak RSS after a start over TLS", "MB", measured(median(&router.tls_peak_rss_mb)))
            .at_most(8.0, 6.5),
    ];
    figures.extend(
        probes
            .zips
            .iter()
            .map(|zip| Figure::new(format!("zip, {}", zip.function), "MB", zip.mb.clone()).at_most(2.6, 2.2)),
    );
    figures.extend([
        Figure::new("AWS calls a warm write", "", measured(per_write(|calls| calls.all))).exactly_one(),
        Figure::new("write units a warm write", "", measured(per_write(|calls| calls.write_units))).exactly_one(),
        Figure::new(
            "system calls a warm write",
            "",
            probes.syscalls.as_ref().map(|calls| calls.values().sum()).map_err(Clone::clone),
        )
        .at_most(16.0, 13.0),
        Figure {
            beside: probes.hello_instructions.iter().map(|count| (Subject::Hello.name(), *count)).collect(),
            ..Figure::new("instructions a warm write", "", probes.instructions.clone())
        },
    ]);
    figures
}

/// Returns the median of each round's p99 against its p50.
fn tail(measured: &Measured) -> Option<f64> {
    median(&ratios(&measured.warm_us(0.99), &measured.warm_us(0.5)))
}

/// Returns the median of one time of many starts.
pub(crate) fn median_of(starts: &[Start], time: fn(&Start) -> f64) -> Option<f64> {
    median(&starts.iter().map(time).collect::<Vec<_>>())
}

fn measured(value: Option<f64>) -> Probed<f64> {
    value.ok_or_else(|| "left out".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_stands_to_its_bounds() {
        let verdict = |value: f64| Figure::new("f", "", Ok(value)).at_most(3.0, 2.0).verdict();
        assert_eq!([verdict(2.0), verdict(3.0), verdict(3.1)], [Verdict::Aim, Verdict::Met, Verdict::Missed]);
        let verdict = |value: f64| Figure::new("f", "", Ok(value)).at_least(6.0, 10.0).verdict();
        assert_eq!([verdict(10.0), verdict(6.0), verdict(5.9)], [Verdict::Aim, Verdict::Met, Verdict::Missed]);
        let verdict = |value: f64| Figure::new("f", "", Ok(value)).exactly_one().verdict();
        assert_eq!([verdict(1.0), verdict(1.1)], [Verdict::Aim, Verdict::Missed]);
        assert_eq!(Figure::new("f", "", Err("why".into())).at_most(1.0, 1.0).verdict(), Verdict::NotMeasured);
        assert_eq!(Figure::new("f", "", Ok(1.0)).verdict(), Verdict::Noted);
    }
}
