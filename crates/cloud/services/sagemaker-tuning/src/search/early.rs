//! Stopping training jobs early by the median rule, as AWS documents it ("Stop Training Jobs Early"): after each epoch, a
//! job whose objective is worse than the median of the running averages of earlier jobs up to that epoch is stopped.

/// Earlier jobs without which there is no median to speak of.
const FEWEST: usize = 3;

/// The epochs at which jobs are compared: all first ones, then ever fewer, so that what is kept of a job stays small.
pub fn epochs() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1_u64), |epoch| Some(epoch + (epoch / 5).max(1)))
}

/// The number of an epoch among those that are compared.
#[must_use]
pub fn place(epoch: u64) -> Option<usize> {
    epochs().take_while(|at| *at <= epoch).position(|at| at == epoch)
}

/// Whether a job is to be stopped whose objective is `score` at an epoch. `earlier` are the running averages of earlier
/// jobs up to that epoch; less is better.
#[must_use]
pub fn stops(score: f64, mut earlier: Vec<f64>) -> bool {
    if earlier.len() < FEWEST {
        return false;
    }
    earlier.sort_by(f64::total_cmp);
    let middle = earlier.len() / 2;
    let median =
        if earlier.len() % 2 == 1 { earlier[middle] } else { f64::midpoint(earlier[middle - 1], earlier[middle]) };
    score > median
}
