//! The loads of tenants, by Zipf's law.

/// The load of a tenant on average. Loads are whole numbers, so the lightest need some room below it.
pub(crate) const MEAN: u64 = 100;

/// Returns the loads of tenants in the order in which they come.
///
/// The law is taken at its word: rank k has its exact part, at least 1. Drawn sizes would add luck to every figure.
pub(super) fn arriving(tenants: u64, skew: f64, seed: u64) -> Vec<u64> {
    let parts = || (1..=tenants).map(|rank| (rank as f64).powf(-skew));
    let unit = (MEAN * tenants) as f64 / parts().sum::<f64>();
    let mut sizes: Vec<u64> = parts().map(|part| ((part * unit).round() as u64).max(1)).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut sizes);
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_have_their_parts() {
        let mut sizes = arriving(1_000, 1.0, 1);
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        // The sum of 1/k up to 1,000 is 7.4855.
        assert_eq!((sizes[0], sizes[1], sizes[9], sizes[999]), (13_359, 6_680, 1_336, 13));
        assert_eq!(arriving(50, 0.0, 1), [MEAN; 50]);
    }

    #[test]
    fn the_seed_draws_the_order_and_nothing_else() {
        let [one, again, other] = [1, 1, 2].map(|seed| arriving(1_000, 0.8, seed));
        assert_eq!(one, again);
        assert_ne!(one, other);
        let sorted = |mut sizes: Vec<u64>| {
            sizes.sort_unstable();
            sizes
        };
        assert_eq!(sorted(one), sorted(other));
    }
}
