//! Where the queue of events is: what its URL says. Pure.

use sagewright_model::Region;

/// A queue of SQS into which EventBridge puts SageMaker's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQueue {
    /// Its URL, as SQS gives it.
    pub url: String,
    /// Its region: of the URL's host, where that names one.
    pub region: Region,
    /// The account in its path.
    pub account: String,
    /// Its name.
    pub name: String,
}

impl EventQueue {
    /// Reads a URL. `region` is that of a URL whose host names none, as an emulator's.
    ///
    /// # Errors
    /// It is not the URL of a queue.
    pub fn parse(url: &str, region: &Region) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{url}` is not the URL of a queue: write one as https://sqs.us-east-1.amazonaws.com/111122223333/NAME"
            )
        };
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or_else(wrong)?;
        let (host, path) = rest.split_once('/').ok_or_else(wrong)?;
        let mut parts = path.rsplit('/');
        let (name, account) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let is_name = |text: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            (1..=80).contains(&text.len()) && text.chars().all(allowed)
        };
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        if host.is_empty() || host.contains('@') || !is_account || !is_name(name) {
            return Err(wrong());
        }
        Ok(Self {
            url: url.to_owned(),
            region: region_of(host).unwrap_or_else(|| region.clone()),
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Its ARN, for whoever writes a policy.
    #[must_use]
    pub fn arn(&self) -> String {
        let Self { region, account, name, .. } = self;
        format!("arn:{}:sqs:{region}:{account}:{name}", region.partition().id)
    }
}

/// The region that a host of SQS names: `sqs.REGION.…`, `sqs-fips.REGION.…`, `ENDPOINT.sqs.REGION.vpce.…`, and of old
/// `REGION.queue.…`, or `queue.…` for the first of all regions.
fn region_of(host: &str) -> Option<Region> {
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let service = labels.iter().position(|label| matches!(*label, "sqs" | "sqs-fips" | "queue"))?;
    let named = match labels.get(service) {
        Some(&"queue") if service == 0 => Some("us-east-1").filter(|_| host == "queue.amazonaws.com"),
        Some(&"queue") => labels.get(service - 1).copied(),
        _ => labels.get(service + 1).copied(),
    };
    named?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_region_account_and_name() {
        let own: Region = "eu-west-1".parse().unwrap();
        for (host, region) in [
            ("https://sqs.us-east-2.amazonaws.com", "us-east-2"),
            ("https://sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
            ("https://sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("https://sqs.us-west-2.api.aws", "us-west-2"),
            ("https://vpce-0a-1b.sqs.ap-south-1.vpce.amazonaws.com", "ap-south-1"),
            ("https://eu-central-1.queue.amazonaws.com", "eu-central-1"),
            ("https://queue.amazonaws.com", "us-east-1"),
            ("http://sqs.us-east-1.localhost.localstack.cloud:4566", "us-east-1"),
            ("http://127.0.0.1:4566", "eu-west-1"),
            ("http://queue.example:4566/queue", "eu-west-1"),
            ("https://sqs.example.com", "eu-west-1"),
        ] {
            let queue = EventQueue::parse(&format!("{host}/111122223333/sage-maker_1.fifo"), &own).unwrap();
            assert_eq!(queue.region.as_str(), region, "{host}");
            assert_eq!((queue.account.as_str(), queue.name.as_str()), ("111122223333", "sage-maker_1.fifo"));
        }
        let queue = EventQueue::parse("https://sqs.cn-north-1.amazonaws.com.cn/111122223333/q", &own).unwrap();
        assert_eq!(queue.arn(), "arn:aws-cn:sqs:cn-north-1:111122223333:q");
    }

    #[test]
    fn what_is_no_url_of_a_queue_is_refused() {
        let own: Region = "eu-west-1".parse().unwrap();
        for wrong in [
            "",
            "events",
            "arn:aws:sqs:us-east-1:111122223333:events",
            "https://sqs.us-east-1.amazonaws.com",
            "https://sqs.us-east-1.amazonaws.com/events",
            "https://sqs.us-east-1.amazonaws.com/11112222333/events",
            "https://sqs.us-east-1.amazonaws.com/111122223333/",
            "https://sqs.us-east-1.amazonaws.com/111122223333/a b",
            "https://me:secret@sqs.us-east-1.amazonaws.com/111122223333/events",
            "ftp://sqs.us-east-1.amazonaws.com/111122223333/events",
        ] {
            let why = EventQueue::parse(wrong, &own).unwrap_err();
            assert!(why.contains("https://sqs.us-east-1.amazonaws.com/111122223333/NAME"), "{why}");
        }
    }
}
