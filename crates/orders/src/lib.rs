//! Orders: a worked application of Cellstack, as a team would write its own.
//!
//! A tenant receives stock and places orders. An order reserves its stock, has its payment authorised at a gateway, and is
//! added to the tenant's balance: all of it or, if its stock does not suffice, nothing.

mod gateway;
#[cfg(feature = "local")]
mod local;
mod order;
mod orders;

pub use gateway::{Gateway, GatewayError, HttpGateway, Payment};
#[cfg(feature = "local")]
pub use local::Sandbox;
pub use order::{Invalid, Line, ORDER_PLACED, Order, ReceivedLine, STOCK_RECEIVED, Stock};
pub use orders::Orders;
