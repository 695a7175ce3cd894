//! Why a training job fails, in the three classes of the image's toolkit.

/// A failed training job. Prints as the last line of the Python traceback that the image leaves in
/// `output/failure`, because that is the line that people and scripts look for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The user can prevent it: hyperparameters, channels, data.
    #[error("sagemaker_algorithm_toolkit.exceptions.UserError: {0}")]
    User(String),
    /// XGBoost failed in a way that the input does not explain.
    #[error("sagemaker_algorithm_toolkit.exceptions.AlgorithmError: {0}")]
    Algorithm(String),
    /// The surroundings are not as the contract says.
    #[error("sagemaker_algorithm_toolkit.exceptions.PlatformError: {0}")]
    Platform(String),
}

/// Parts of XGBoost's messages that mean that the user's data or settings are wrong: the image's
/// list, in the words of XGBoost 3.
const CUSTOMER_ERRORS: [&str; 15] = [
    "label must be in [0,1] for logistic regression",
    "the range of [0, num_class)",
    "label must be in [0, num_class)",
    "Target is multiclass but average='binary'",
    "label and prediction size not match",
    "Size of labels must equal to number of rows",
    "Label contains NaN",
    "base_score must be in (0,1)",
    "`base_score` must be",
    "label must be non-negative",
    "label must be positive",
    "label must be greater than",
    "label must be either 0 or positive integer",
    "can only be used with binary labels",
    "the dataset only contains pos or neg samples",
];

impl Failure {
    /// Sorts an error of the library during training.
    pub(crate) fn from_training(message: &str) -> Self {
        // The C++ stack that follows says nothing to the reader of FailureReason.
        let message = message.split("\nStack trace:").next().unwrap_or(message).trim();
        if CUSTOMER_ERRORS.iter().any(|part| message.contains(part)) {
            Self::User(message.to_owned())
        } else {
            Self::Algorithm(format!("XGB train call failed with exception:\n {message}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn the_users_mistakes_are_told_from_the_librarys() {
        let label = "[03:00:00] multiclass_obj.cu:123: SoftmaxMultiClassObj: label must be discrete values in the \
                     range of [0, num_class).\n\
                     Stack trace:\n  [bt] (0) libxgboost.so";
        let failure = Failure::from_training(label);
        assert!(matches!(&failure, Failure::User(text) if text.ends_with("range of [0, num_class).")), "{failure}");
        let failure = Failure::from_training("out of memory");
        assert_eq!(
            failure.to_string(),
            "sagemaker_algorithm_toolkit.exceptions.AlgorithmError: XGB train call failed with exception:\n out of memory"
        );
    }
}
