use cellstack_consumer::{Effects, Message, ProcessError, Processor};

pub(crate) struct Stock;

impl Processor for Stock {
    async fn process(&self, event: &Message) -> Result<Effects, ProcessError> {
        if event.data.is_none() {
            return Err(ProcessError::Permanent("an order needs data".to_owned()));
        }
        Ok(Effects::none().add("stock#sold", "count", 1))
    }
}
