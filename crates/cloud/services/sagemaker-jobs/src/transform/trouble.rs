//! What goes wrong with an input object, in the words of SageMaker's agent.

use sagewright_cloud_core::limits;
use sagewright_cloud_sagemaker_base::{Invoked, Silence};

/// Lines of a container's answer that the data log shows.
const MOST_LINES: usize = 20;
/// Characters of one of them.
const LONGEST_LINE: usize = 1024;

/// Whose fault a failure is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The data's, or the request's.
    Client,
    /// The container's.
    Algorithm,
    #[default]
    Internal,
}

impl Fault {
    /// `FailureReason`.
    pub fn reason(self) -> String {
        let whose = match self {
            Self::Client => "ClientError",
            Self::Algorithm => "AlgorithmError",
            Self::Internal => "InternalServerError",
        };
        format!("{whose}: See job logs for more information")
    }
}

/// Why an object has no output.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub fault: Fault,
    /// For the data log.
    pub lines: Vec<String>,
}

impl Trouble {
    pub fn new(fault: Fault, lines: Vec<String>) -> Self {
        Self { fault, lines }
    }

    /// A container's answer that is no success. The texts are those that data logs show in
    /// aws/amazon-sagemaker-examples#1620 and aws/sagemaker-tensorflow-serving-container#93.
    pub fn answered(answer: &Invoked) -> Self {
        let (fault, first) = match answer.status {
            400..500 => (Fault::Client, format!("ClientError: {}", answer.status)),
            status => (Fault::Algorithm, format!("Bad HTTP status received from algorithm: {status}")),
        };
        let text = String::from_utf8_lossy(answer.body.get(..64 * 1024).unwrap_or(&answer.body)).into_owned();
        let body = text.lines().take(MOST_LINES).map(|line| line.chars().take(LONGEST_LINE).collect());
        let lines = [first, String::new(), "Message:".to_owned()].into_iter().chain(body).collect();
        Self { fault, lines }
    }

    /// No answer.
    pub fn silent(silence: &Silence, timeout: std::time::Duration, room: usize) -> Self {
        let why = match silence {
            Silence::Late => format!("Model server did not respond within {} seconds", timeout.as_secs()),
            Silence::Broken(why) => why.clone(),
            Silence::TooLong if room < limits::TRANSFORM_PAYLOAD => format!(
                "The answer has more than {room} bytes; with a lower MaxConcurrentTransforms, each answer may be longer"
            ),
            Silence::TooLong => format!("The answer has more than {room} bytes"),
        };
        Self { fault: Fault::Algorithm, lines: vec!["Unable to get response from algorithm".to_owned(), why] }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn answers_are_told_as_the_agent_tells_them() {
        let answered = |status, body: &'static str| Trouble::answered(&Invoked { status, body: body.into() });
        let lines = |first: &str| [first, "", "Message:", "no such", "column"].map(str::to_owned).to_vec();
        assert_eq!(answered(400, "no such\ncolumn\n"), Trouble::new(Fault::Client, lines("ClientError: 400")));
        assert_eq!(
            answered(500, "no such\ncolumn"),
            Trouble::new(Fault::Algorithm, lines("Bad HTTP status received from algorithm: 500"))
        );
        let long = Invoked { status: 503, body: "x\n".repeat(100_000).into() };
        assert_eq!(Trouble::answered(&long).lines.len(), 3 + MOST_LINES);
        let silent = Trouble::silent(&Silence::Late, Duration::from_secs(600), 1);
        assert_eq!(silent.fault.reason(), "AlgorithmError: See job logs for more information");
        assert_eq!(silent.lines[0], "Unable to get response from algorithm");
    }
}
