//! An addition to a number, and the least that must be there for it.

use rust_decimal::Decimal;

use crate::amount::exact_sum;

/// An amount to add to a number attribute, which counts as zero while it is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Addition {
    /// The amount; a negative one is subtracted.
    pub amount: Decimal,
    /// The least that the number must be before, if it matters.
    pub at_least: Option<Decimal>,
}

impl Addition {
    /// An addition that is always possible.
    pub(crate) const fn of(amount: Decimal) -> Self {
        Self { amount, at_least: None }
    }

    /// A subtraction from a number that must not become negative by it.
    pub(crate) fn taking(amount: Decimal) -> Self {
        Self { amount: -amount, at_least: Some(amount) }
    }

    /// Returns this addition and a later one as a single one, which is possible exactly where both are in turn. `None`
    /// where a number would have to be rounded.
    pub(crate) fn then(self, later: Self) -> Option<Self> {
        let amount = exact_sum(self.amount, later.amount)?;
        // The later one finds what this one leaves.
        let before = match later.at_least {
            Some(least) => Some(exact_sum(least, -self.amount)?),
            None => None,
        };
        Some(Self { amount, at_least: self.at_least.max(before) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Adds to a number, unless it is too small.
    fn apply(number: Decimal, addition: Addition) -> Option<Decimal> {
        addition.at_least.is_none_or(|least| number >= least).then(|| number + addition.amount)
    }

    fn addition() -> impl Strategy<Value = Addition> {
        (0..100_i64, any::<bool>()).prop_map(|(amount, takes)| {
            let amount = Decimal::new(amount, 1);
            if takes { Addition::taking(amount) } else { Addition::of(amount) }
        })
    }

    proptest! {
        #[test]
        fn one_addition_is_possible_exactly_where_its_parts_are_in_sequence(
            number in 0..200_i64,
            parts in proptest::collection::vec(addition(), 1..12),
        ) {
            let number = Decimal::new(number, 1);
            let in_sequence = parts.iter().try_fold(number, |number, part| apply(number, *part));
            let merged = parts.iter().try_fold(Addition::default(), |merged, part| merged.then(*part)).unwrap();
            prop_assert_eq!(apply(number, merged), in_sequence);
        }
    }

    #[test]
    fn a_bound_that_would_have_to_be_rounded_is_none() {
        let tiny = Addition::of(Decimal::new(1, 28));
        assert_eq!(tiny.then(Addition::taking(Decimal::MAX)), None);
    }
}
