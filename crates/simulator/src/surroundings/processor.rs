//! The processor under test, and events that give it trouble.

use cellstack_core::sync::lock;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cellstack_consumer::{Effects, ProcessError, Processor};
use cellstack_core::{EventId, Message, TenantId};
use serde::Deserialize;

macro_rules! behaviours {
    ($($(#[doc = $doc:literal])+ $behaviour:ident = $name:literal,)+) => {
        /// The way an event behaves in the processor.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Behaviour {
            $($(#[doc = $doc])+ $behaviour,)+
        }

        impl Behaviour {
            const ALL: &[Self] = &[$(Self::$behaviour),+];

            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$behaviour => $name,)+
                }
            }
        }
    };
}

behaviours! {
    /// Nothing is wrong with it.
    Good = "good",
    /// It can never be processed.
    Poison = "poison",
    /// The processor refuses it until it is mended.
    Broken = "broken",
    /// The processor panics until it is mended.
    Panic = "panic",
    /// The first try fails.
    Flaky = "flaky",
    /// It takes up to several seconds.
    Slow = "slow",
    /// The processor never returns, until it is mended.
    Hang = "hang",
    /// The processor blocks its thread until the function is killed for it; until it is mended.
    Block = "block",
    /// The processor aborts the process until it is mended.
    Abort = "abort",
}

impl Behaviour {
    /// Returns whether only a fault of a service may keep it from being processed.
    pub(crate) const fn is_healthy(self) -> bool {
        matches!(self, Self::Good | Self::Flaky | Self::Slow)
    }

    /// Returns whether it fails until the processor is mended.
    pub(crate) const fn is_mendable(self) -> bool {
        matches!(self, Self::Broken | Self::Panic | Self::Hang | Self::Block | Self::Abort)
    }

    /// Returns whether the processor, or the table behind it, refuses it.
    pub(crate) const fn is_refused(self) -> bool {
        matches!(self, Self::Poison | Self::Broken)
    }
}

impl fmt::Display for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Behaviour {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|behaviour| behaviour.as_str() == text).copied();
        found.ok_or_else(|| format!("'{text}' is not a behaviour"))
    }
}

/// The way a processor ends the invocation that it runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fatal {
    /// The process is gone.
    Abort,
    /// The thread is blocked.
    Block,
}

thread_local! {
    static FATAL: Cell<Option<Fatal>> = const { Cell::new(None) };
}

/// Takes the way in which the invocation that was polled last on this thread has ended itself.
pub(crate) fn take_fatal() -> Option<Fatal> {
    FATAL.take()
}

/// The state that the processors of a run share. Clones share it, too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Behaviours(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    mended: AtomicBool,
    tried: Mutex<BTreeSet<(TenantId, EventId)>>,
    met: Mutex<BTreeMap<Behaviour, u64>>,
}

impl Behaviours {
    /// Mends the processor: from now on each event that can be processed is processed.
    pub(crate) fn mend(&self) {
        self.0.mended.store(true, Ordering::Relaxed);
    }

    /// Returns the number of times that events of each behaviour acted by it.
    pub(crate) fn met(&self) -> BTreeMap<Behaviour, u64> {
        lock(&self.0.met).clone()
    }

    fn meet(&self, behaviour: Behaviour) {
        *lock(&self.0.met).entry(behaviour).or_default() += 1;
    }
}

/// A processor behind the events' behaviours.
pub(crate) struct FlakyProcessor<P> {
    inner: P,
    behaviours: Behaviours,
    /// True if the processor refuses poison by itself.
    refuses_poison: bool,
}

impl<P> FlakyProcessor<P> {
    pub(crate) const fn new(inner: P, behaviours: Behaviours, refuses_poison: bool) -> Self {
        Self { inner, behaviours, refuses_poison }
    }
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    #[serde(rename = "mood")]
    behaviour: String,
    #[serde(default)]
    takes_ms: u64,
}

impl<P: Processor> Processor for FlakyProcessor<P> {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        let data: Data = serde_json::from_str(event.data.as_deref().unwrap_or_default()).unwrap_or_default();
        let behaviour = data.behaviour.parse().unwrap_or(Behaviour::Good);
        let mended = self.behaviours.0.mended.load(Ordering::Relaxed);
        let first =
            behaviour == Behaviour::Flaky && lock(&self.behaviours.0.tried).insert((event.tenant.clone(), event.id));
        if matches!(behaviour, Behaviour::Poison | Behaviour::Slow) || first || !mended && behaviour.is_mendable() {
            self.behaviours.meet(behaviour);
        }
        match behaviour {
            Behaviour::Slow => tokio::time::sleep(Duration::from_millis(data.takes_ms)).await,
            Behaviour::Poison if !self.refuses_poison => {
                return Err(ProcessError::Permanent("it is poison".to_owned()));
            }
            Behaviour::Flaky if first => return Err(ProcessError::Retryable("the first try fails".to_owned())),
            _ if mended => {}
            Behaviour::Broken => return Err(ProcessError::Permanent("the processor is broken".to_owned())),
            // Unwinds like any panic, without output on standard error.
            Behaviour::Panic => std::panic::resume_unwind(Box::new("the processor was told to panic")),
            Behaviour::Hang => std::future::pending().await,
            Behaviour::Block | Behaviour::Abort => {
                FATAL.set(Some(if behaviour == Behaviour::Abort { Fatal::Abort } else { Fatal::Block }));
                std::future::pending().await
            }
            Behaviour::Good | Behaviour::Poison | Behaviour::Flaky => {}
        }
        self.inner.process(event).await
    }
}
