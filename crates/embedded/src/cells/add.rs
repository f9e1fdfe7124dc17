//! A cell that is added to a stack.

use cellstack_store::cells::Listing;

use super::{Cells, Change, MAX_CELLS, MakeConsumer, Order, Posted, Refusal};
use crate::names::CellNames;

impl Cells {
    /// Adds a cell: its resources, its functions and its place in the registry. It takes no tenants before
    /// `cellctl cells bootstrap`. One that failed midway is completed by the next call.
    ///
    /// # Errors
    /// When there is such a cell or was one, when there are too many, or when a resource can't be made.
    pub async fn add(&self, order: Order) -> Result<Posted, Refusal> {
        let _one_at_a_time = self.0.changing.lock().await;
        let consumer = self.check_new(&order, &self.listing().await?)?;
        let (cell, base) = (&order.cell, &self.0.base);
        let names = CellNames::ordered(cell, base.pipeline.ordering);
        self.create_resources(&names).await?;
        self.register(&names, &order).await?;
        if let Some(data) = &base.data {
            data.add(cell)?;
        }
        let mappings = self.map(cell, &names, consumer).await?;
        self.roster().insert(cell, mappings);
        self.announce(Change::Added(cell.clone()));
        Ok(Posted { order, status: None })
    }

    fn check_new(&self, order: &Order, listing: &Listing) -> Result<&MakeConsumer, Refusal> {
        let (cell, conflict) = (&order.cell, |why: String| Err(Refusal::Conflict(why)));
        let Some(consumer) = &self.0.base.consumer else {
            return conflict("the cells of this stack are fixed; add cells to one of cellstack-local serve".to_owned());
        };
        if self.roster().contains(cell) {
            return conflict(format!("there is a cell {cell} already; cellstack-local cell ls lists the cells"));
        }
        // A second table of the name would know nothing of the tenants whose fences the first one kept.
        if listing.retired.contains(cell) {
            return conflict(format!("cell {cell} was retired and removed; expected an id that no cell has had"));
        }
        if self.roster().cells().len() >= MAX_CELLS {
            return conflict(format!(
                "the stack has {MAX_CELLS} cells, the most there can be; retire one, and cellstack-local cell rm it"
            ));
        }
        Ok(consumer)
    }
}
