//! Kills of a process at an await point. The k-th time that a handler's future returns `Pending`, it is dropped there.
//! So is a process whose processor aborts it; one whose processor blocks its thread is not polled any more.

use cellstack_core::sync::lock;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use super::network;
use super::processor::{Fatal, take_fatal};
use cellstack_embedded::hooks::Role;

/// An await point: a function, and the number of a wait within one invocation of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AwaitPoint {
    pub(crate) role: Role,
    pub(crate) number: usize,
}

impl AwaitPoint {
    /// Returns the function's name.
    #[must_use]
    pub const fn function(&self) -> &'static str {
        self.role.as_str()
    }

    /// Returns the number of the wait within its invocation, from 1.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }
}

impl fmt::Display for AwaitPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.role.as_str(), self.number)
    }
}

/// The invocations that reached an await point, and those killed there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visits {
    /// Invocations that waited there.
    pub reached: u64,
    /// Invocations that were killed there.
    pub killed: u64,
    /// Counts by what they waited for: a half of an AWS call, or a pause.
    pub waits: BTreeMap<String, u64>,
}

/// Await points and their visits.
pub type Coverage = BTreeMap<AwaitPoint, Visits>;

/// A kill to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Armed {
    pub(crate) point: AwaitPoint,
    /// Visits to let pass.
    pub(crate) skip: u64,
}

/// The kills of a run. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kills(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    armed: Vec<Armed>,
    coverage: Coverage,
}

impl Kills {
    pub(crate) fn arm(&self, kill: Armed) {
        self.lock().armed.push(kill);
    }

    /// Disarms all kills that have not struck.
    pub(crate) fn disarm(&self) {
        self.lock().armed.clear();
    }

    pub(crate) fn coverage(&self) -> Coverage {
        self.lock().coverage.clone()
    }

    /// Runs an invocation until it ends (`Ok`) or is killed (`Err`).
    pub(crate) fn guard<F: Future>(&self, role: Role, invocation: F) -> Guarded<F> {
        Guarded { kills: self.clone(), role, waits: 0, is_blocked: false, invocation: Some(Box::pin(invocation)) }
    }

    /// Notes that an invocation waits at a point. Returns whether it is killed there.
    fn visit(&self, point: AwaitPoint) -> bool {
        let mut state = self.lock();
        let visits = state.coverage.entry(point).or_default();
        visits.reached += 1;
        let wait = network::under_way().unwrap_or_else(|| "a pause, or another of its calls".to_owned());
        *visits.waits.entry(wait).or_default() += 1;
        let Some(at) = state.armed.iter().position(|armed| armed.point == point) else {
            return false;
        };
        if state.armed[at].skip > 0 {
            state.armed[at].skip -= 1;
            return false;
        }
        state.armed.swap_remove(at);
        state.coverage.entry(point).or_default().killed += 1;
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

/// The end of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Killed {
    /// The process was killed while it waited.
    At(AwaitPoint),
    /// The process aborted itself.
    Aborted,
}

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(point) => write!(f, "killed at await point {point}"),
            Self::Aborted => f.write_str("aborted"),
        }
    }
}

/// The future that [`Kills::guard`] returns.
pub(crate) struct Guarded<F> {
    kills: Kills,
    role: Role,
    waits: usize,
    is_blocked: bool,
    invocation: Option<Pin<Box<F>>>,
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, Killed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(invocation) = this.invocation.as_mut().filter(|_| !this.is_blocked) else {
            return Poll::Pending;
        };
        network::forget();
        take_fatal();
        if let Poll::Ready(output) = invocation.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        match take_fatal() {
            Some(Fatal::Abort) => {
                this.invocation = None;
                return Poll::Ready(Err(Killed::Aborted));
            }
            Some(Fatal::Block) => {
                this.is_blocked = true;
                return Poll::Pending;
            }
            None => {}
        }
        this.waits += 1;
        let point = AwaitPoint { role: this.role, number: this.waits };
        if !this.kills.visit(point) {
            return Poll::Pending;
        }
        // All that it holds is dropped with it, as when a process dies. A call on its way has no effect; a call whose
        // response is on its way has had it.
        this.invocation = None;
        Poll::Ready(Err(Killed::At(point)))
    }
}
