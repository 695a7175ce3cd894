//! Early stopping: ends the training when a score has not improved for some rounds, and remembers
//! the best round.

/// The state of early stopping over the rounds.
#[derive(Debug)]
pub(super) struct EarlyStopping {
    patience: u32,
    maximize: bool,
    best: Option<(u32, f64)>,
    waited: u32,
}

impl EarlyStopping {
    pub(super) fn new(patience: u32, maximize: bool) -> Self {
        Self { patience, maximize, best: None, waited: 0 }
    }

    /// Takes the score of a round; true means stop.
    pub(super) fn observe(&mut self, round: u32, score: f64) -> bool {
        let improved = self.best.is_none_or(|(_, best)| if self.maximize { score > best } else { score < best });
        if improved {
            self.best = Some((round, score));
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        self.waited >= self.patience
    }

    /// The best round and its score.
    pub(super) fn best(&self) -> Option<(u32, f64)> {
        self.best
    }
}

#[cfg(test)]
mod tests {
    use super::EarlyStopping;

    #[test]
    fn it_stops_after_rounds_without_improvement_and_knows_the_best() {
        let mut stopping = EarlyStopping::new(2, false);
        let stops: Vec<bool> = [3.0, 2.0, 2.0, 1.0, 1.5, 1.0]
            .iter()
            .zip(0..)
            .map(|(score, round)| stopping.observe(round, *score))
            .collect();
        assert_eq!(stops, [false, false, false, false, false, true]);
        assert_eq!(stopping.best(), Some((3, 1.0)));
    }

    #[test]
    fn some_metrics_improve_upwards() {
        let mut stopping = EarlyStopping::new(1, true);
        assert!(!stopping.observe(0, 0.5));
        assert!(!stopping.observe(1, 0.6));
        assert!(stopping.observe(2, 0.6));
        assert_eq!(stopping.best(), Some((1, 0.6)));
    }
}
