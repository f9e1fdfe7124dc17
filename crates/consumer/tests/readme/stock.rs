use cellstack_core::Message;

use crate::{Effects, ProcessError, Processor};

/// The processor this build runs.
pub const fn processor() -> impl Processor {
    Stock
}

struct Stock;

impl Processor for Stock {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        if event.data.is_none() {
            return Err(ProcessError::Permanent("an order needs data".to_owned()));
        }
        Ok(Effects::none().add("stock#sold", "count", 1))
    }
}
