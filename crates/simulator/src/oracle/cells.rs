//! I6, I7, and the API's promises to callers.

use super::{Evidence, Findings};

impl Evidence<'_> {
    /// Checks I6: a cell without a fault of its own serves at the first try, independent of the other cells. A slow
    /// listing or total is not a fault that a write may notice.
    pub(super) fn served(&self, findings: &mut Findings) {
        let unexplained = |cell: usize| !self.excuses.everywhere && !self.excuses.planned[cell];
        for (cell, sent) in self.seen.sent.iter().filter(|(cell, _)| unexplained(**cell)) {
            let unserved: Vec<_> = self.seen.unserved.iter().filter(|(at, _)| at == cell).collect();
            findings.checked("I6", *sent - unserved.len() as u64);
            for (_, response) in unserved {
                findings.check("I6", false, || {
                    format!("cell {} had no fault, and a request got {response}", self.cells[*cell])
                });
            }
        }
    }

    /// Checks I7, that everything drains, and that every response is as the API promises.
    pub(super) fn drained(&self, findings: &mut Findings) {
        findings.check("I7", self.restless.is_none(), || self.restless.unwrap_or_default().to_owned());
        for message in &self.state.left {
            findings.check("I7", false, || format!("there still is message {message}"));
        }
        findings.checked("API", self.seen.responses - self.seen.wrong.len() as u64);
        for response in &self.seen.wrong {
            findings.check("API", false, || response.clone());
        }
    }
}
