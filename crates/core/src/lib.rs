//! The domain that every part of Cellstack shares: ids, the event and its message, the tables, the tenant map and its
//! cache, the fence, limits, configuration and telemetry. No Lambda type comes in here.

pub mod cell_table;
pub mod clock;
pub mod config;
pub mod dead_letter;
pub mod deadline;
pub mod event;
pub mod fence;
pub mod hex;
pub mod ids;
pub mod journal;
pub mod lease;
pub mod limits;
pub mod mark_down;
pub mod message;
pub mod mutation;
pub mod names;
pub mod placement_request;
pub mod queue_text;
pub mod registry;
pub mod snapshot;
pub mod sync;
pub mod telemetry;
pub mod tenant_map;
pub mod text;
pub mod usage;

pub use clock::{Clock, Entropy, SystemClock};
pub use event::{EventRecord, EventStatus, NewEvent};
pub use ids::{CellId, Epoch, EventId, EventType, InvalidId, TenantId};
pub use message::Message;
pub use tenant_map::{RouteState, TenantRoute};
