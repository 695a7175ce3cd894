//! A Gaussian process over few observations: Matérn 5/2 with a length for each parameter, fitted by maximum a posteriori.
//!
//! Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006): algorithm 2.1 and equation 5.9. Two values
//! of a categorical parameter are at distance 0 or 1.

use super::rng::Rng;

/// What tells a kernel from others, as logarithms: a length for each parameter, then amplitude and noise (variances).
type Theta = Vec<f64>;

/// Variance that is always added, so that matrices stay positive definite.
const JITTER: f64 = 1e-8;
/// Bounds of every logarithm.
const BOUNDS: (f64, f64) = (-14.0, 7.0);

/// A fitted process. Observations have mean 0 and variance 1.
#[derive(Debug, Clone)]
pub struct Gp {
    points: Vec<Vec<f64>>,
    targets: Vec<f64>,
    categorical: Vec<bool>,
    theta: Theta,
    /// Lower triangle of the Cholesky factor of the covariance.
    factor: Vec<Vec<f64>>,
    /// Covariance's inverse times the targets.
    weights: Vec<f64>,
}

/// The logarithm's mean and variance that each kind of parameter is expected to have.
fn prior(dimensions: usize) -> Vec<(f64, f64)> {
    #[allow(clippy::cast_precision_loss)] // few
    let length = (0.5 * (dimensions as f64).sqrt()).ln();
    let mut priors = vec![(length, 1.0); dimensions];
    priors.extend([(0.0, 1.0), (-7.0, 4.0)]);
    priors
}

fn distance(categorical: bool, one: f64, other: f64) -> f64 {
    if categorical {
        return if (one - other).abs() < 0.5 { 0.0 } else { 1.0 };
    }
    let apart = one - other;
    apart * apart
}

/// Matérn 5/2 at a squared, scaled distance: its value, and the factor of its derivative by the logarithm of a length.
fn matern(squared: f64) -> (f64, f64) {
    let root = (5.0 * squared).sqrt();
    let decay = (-root).exp();
    ((1.0 + root + root * root / 3.0) * decay, 5.0 / 3.0 * (1.0 + root) * decay)
}

impl Gp {
    /// Fits a process to observations, of which there is one at least.
    #[must_use]
    pub fn fit(points: Vec<Vec<f64>>, targets: Vec<f64>, categorical: Vec<bool>, rng: &mut Rng) -> Option<Self> {
        let priors = prior(categorical.len());
        let (steps, starts) = if points.len() > 100 { (25, 1) } else { (60, 3) };
        let mut best: Option<(f64, Theta)> = None;
        for start in 0..starts {
            let spread = if start == 0 { 0.0 } else { 1.0 };
            let begin = priors.iter().map(|(mean, variance)| mean + spread * variance.sqrt() * rng.normal()).collect();
            let (value, theta) = ascend(&points, &targets, &categorical, &priors, begin, steps)?;
            if best.as_ref().is_none_or(|(most, _)| value > *most) {
                best = Some((value, theta));
            }
        }
        Self::with(points, targets, categorical, best?.1)
    }

    /// A process with a kernel that is known.
    fn with(points: Vec<Vec<f64>>, targets: Vec<f64>, categorical: Vec<bool>, theta: Theta) -> Option<Self> {
        let factor = cholesky(covariance(&points, &categorical, &theta))?;
        let weights = backward(&factor, forward(&factor, &targets));
        Some(Self { points, targets, categorical, theta, factor, weights })
    }

    /// The same process, had it seen what it expects at a point.
    #[must_use]
    pub fn believing(&self, point: Vec<f64>) -> Option<Self> {
        let (mut points, mut targets) = (self.points.clone(), self.targets.clone());
        targets.push(self.predict(&point).0);
        points.push(point);
        Self::with(points, targets, self.categorical.clone(), self.theta.clone())
    }

    /// Mean and standard deviation at a point.
    #[must_use]
    pub fn predict(&self, point: &[f64]) -> (f64, f64) {
        let amplitude = self.theta[self.categorical.len()].exp();
        let cross: Vec<f64> = self
            .points
            .iter()
            .map(|seen| amplitude * matern(scaled(seen, point, &self.categorical, &self.theta)).0)
            .collect();
        let mean = cross.iter().zip(&self.weights).map(|(k, w)| k * w).sum();
        let explained: f64 = forward(&self.factor, &cross).iter().map(|v| v * v).sum();
        (mean, (amplitude - explained).max(1e-12).sqrt())
    }
}

fn scaled(one: &[f64], other: &[f64], categorical: &[bool], theta: &[f64]) -> f64 {
    let each = one.iter().zip(other).zip(categorical).zip(theta);
    each.map(|(((a, b), kind), length)| distance(*kind, *a, *b) * (-2.0 * length).exp()).sum()
}

fn covariance(points: &[Vec<f64>], categorical: &[bool], theta: &[f64]) -> Vec<Vec<f64>> {
    let (amplitude, noise) = (theta[categorical.len()].exp(), theta[categorical.len() + 1].exp() + JITTER);
    let row = |(i, one): (usize, &Vec<f64>)| {
        let mut row: Vec<f64> =
            points[..=i].iter().map(|other| amplitude * matern(scaled(one, other, categorical, theta)).0).collect();
        row[i] += noise;
        row
    };
    points.iter().enumerate().map(row).collect()
}

/// The factor of a matrix that is given by its lower triangle.
fn cholesky(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    for i in 0..matrix.len() {
        let (above, rest) = matrix.split_at_mut(i);
        let row = &mut rest[0];
        for j in 0..=i {
            let with = if j == i { None } else { Some(&above[j]) };
            let dot: f64 = (0..j).map(|k| row[k] * with.map_or(row[k], |other| other[k])).sum();
            let left = row[j] - dot;
            row[j] = match with {
                Some(other) => left / other[j],
                None if left > 0.0 => left.sqrt(),
                None => return None,
            };
        }
    }
    Some(matrix)
}

/// Solves with the factor.
fn forward(factor: &[Vec<f64>], right: &[f64]) -> Vec<f64> {
    let mut out: Vec<f64> = Vec::with_capacity(right.len());
    for (row, value) in factor.iter().zip(right) {
        let dot: f64 = row.iter().zip(&out).map(|(a, b)| a * b).sum();
        out.push((value - dot) / row[out.len()]);
    }
    out
}

/// Solves with the transposed factor.
fn backward(factor: &[Vec<f64>], mut right: Vec<f64>) -> Vec<f64> {
    for i in (0..right.len()).rev() {
        right[i] /= factor[i][i];
        let value = right[i];
        for (k, out) in right[..i].iter_mut().enumerate() {
            *out -= factor[i][k] * value;
        }
    }
    right
}

/// Logarithm of the posterior of a kernel, and its gradient.
fn posterior(
    points: &[Vec<f64>],
    targets: &[f64],
    categorical: &[bool],
    priors: &[(f64, f64)],
    theta: &[f64],
) -> Option<(f64, Vec<f64>)> {
    let (n, d) = (points.len(), categorical.len());
    let factor = cholesky(covariance(points, categorical, theta))?;
    let weights = backward(&factor, forward(&factor, targets));
    let mut value = -0.5 * targets.iter().zip(&weights).map(|(y, w)| y * w).sum::<f64>();
    value -= (0..n).map(|i| factor[i][i].ln()).sum::<f64>();
    let mut gradient = vec![0.0; d + 2];
    let (amplitude, noise) = (theta[d].exp(), theta[d + 1].exp());
    let lengths: Vec<f64> = theta[..d].iter().map(|length| (-2.0 * length).exp()).collect();
    for j in 0..n {
        let mut unit = vec![0.0; n];
        unit[j] = 1.0;
        let inverse = backward(&factor, forward(&factor, &unit));
        for i in 0..=j {
            // Both triangles count, the diagonal once.
            let share = (weights[i] * weights[j] - inverse[i]) * if i == j { 0.5 } else { 1.0 };
            let (kernel, slope) = matern(scaled(&points[i], &points[j], categorical, theta));
            for (k, length) in lengths.iter().enumerate() {
                let apart = distance(categorical[k], points[i][k], points[j][k]) * length;
                gradient[k] += share * amplitude * slope * apart;
            }
            gradient[d] += share * amplitude * kernel;
            if i == j {
                gradient[d + 1] += share * noise;
            }
        }
    }
    for ((theta, (mean, variance)), slope) in theta.iter().zip(priors).zip(&mut gradient) {
        value -= 0.5 * (theta - mean) * (theta - mean) / variance;
        *slope -= (theta - mean) / variance;
    }
    value.is_finite().then_some((value, gradient))
}

/// Climbs by the signs of the gradient, with a step for each parameter that grows while its sign stays (Riedmiller and
/// Braun, "RPROP", 1993). Answers the best kernel it came by.
fn ascend(
    points: &[Vec<f64>],
    targets: &[f64],
    categorical: &[bool],
    priors: &[(f64, f64)],
    mut theta: Theta,
    steps: usize,
) -> Option<(f64, Theta)> {
    let mut size = vec![0.2_f64; theta.len()];
    let mut last = vec![0.0; theta.len()];
    let mut best: Option<(f64, Theta)> = None;
    for _ in 0..steps {
        let Some((value, gradient)) = posterior(points, targets, categorical, priors, &theta) else { break };
        if best.as_ref().is_none_or(|(most, _)| value > *most) {
            best = Some((value, theta.clone()));
        }
        for (k, slope) in gradient.iter().enumerate() {
            let turned = slope * last[k];
            size[k] = if turned < 0.0 { size[k] * 0.5 } else { (size[k] * 1.2).min(1.0) };
            last[k] = if turned < 0.0 { 0.0 } else { *slope };
            if last[k] != 0.0 {
                theta[k] = (theta[k] + size[k].copysign(*slope)).clamp(BOUNDS.0, BOUNDS.1);
            }
        }
        if size.iter().all(|size| *size < 1e-3) {
            break;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(x: f64) -> f64 {
        (6.0 * x).sin()
    }

    #[test]
    fn a_process_passes_through_what_it_saw_and_is_unsure_elsewhere() {
        let points: Vec<Vec<f64>> = [0.0, 0.15, 0.3, 0.45, 0.6].iter().map(|x| vec![*x]).collect();
        let targets: Vec<f64> = points.iter().map(|x| wave(x[0])).collect();
        let gp = Gp::fit(points.clone(), targets.clone(), vec![false], &mut Rng::new(1, 1)).unwrap();
        for (point, target) in points.iter().zip(&targets) {
            let (mean, deviation) = gp.predict(point);
            assert!((mean - target).abs() < 0.05, "{mean} {target}");
            assert!(deviation < 0.1);
        }
        assert!((gp.predict(&[0.22]).0 - wave(0.22)).abs() < 0.15);
        assert!(gp.predict(&[1.0]).1 > 5.0 * gp.predict(&[0.22]).1);
        let believing = gp.believing(vec![1.0]).unwrap();
        assert!((believing.predict(&[1.0]).0 - gp.predict(&[1.0]).0).abs() < 1e-3);
        assert!(believing.predict(&[1.0]).1 < 0.1 * gp.predict(&[1.0]).1 + 0.1);
    }

    #[test]
    fn the_gradient_is_that_of_the_posterior() {
        let mut rng = Rng::new(5, 0);
        let categorical = vec![false, true, false];
        let points: Vec<Vec<f64>> =
            (0..8).map(|_| vec![rng.unit(), if rng.unit() < 0.5 { 0.0 } else { 1.0 }, rng.unit()]).collect();
        let targets: Vec<f64> = (0..8).map(|_| rng.normal()).collect();
        let priors = prior(3);
        let theta = vec![-0.5, 0.1, 0.3, 0.2, -2.0];
        let at = |theta: &[f64]| posterior(&points, &targets, &categorical, &priors, theta).unwrap();
        let (_, gradient) = at(&theta);
        for k in 0..theta.len() {
            let moved = |by: f64| {
                let mut moved = theta.clone();
                moved[k] += by;
                at(&moved).0
            };
            let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((slope - gradient[k]).abs() < 1e-4 * (1.0 + slope.abs()), "{k}: {slope} {}", gradient[k]);
        }
    }

    #[test]
    fn equal_points_and_one_point_are_no_trouble() {
        let mut rng = Rng::new(2, 0);
        let gp = Gp::fit(vec![vec![0.5]; 6], vec![1.0, -1.0, 1.0, -1.0, 1.0, -1.0], vec![false], &mut rng).unwrap();
        assert!(gp.predict(&[0.5]).0.abs() < 0.3);
        assert!(Gp::fit(vec![vec![0.5]], vec![0.0], vec![false], &mut rng).unwrap().predict(&[0.1]).0.is_finite());
    }
}
