//! Sends the test digits to the endpoint.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context as _, bail};
use flate2::read::GzDecoder;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sagewright_aws::runtime::InvokeRequest;

use super::score::Score;
use crate::context::Context;

/// Requests under way at once.
const CONCURRENCY: usize = 4;

/// Invokes the endpoint once for each digit of the file.
pub(super) async fn read(context: &Context, file: &Path, endpoint: &str) -> anyhow::Result<Score> {
    let lines = lines(file)?;
    let answers: Vec<(u8, u8)> = stream::iter(lines)
        .map(|(truth, pixels)| async move {
            let answer = sagewright_aws::runtime::invoke(
                &context.aws,
                &context.target,
                InvokeRequest { endpoint, content_type: Some("text/csv"), body: pixels.into(), ..Default::default() },
            )
            .await?;
            let text = String::from_utf8_lossy(&answer.body).trim().to_owned();
            let class: f32 = text.parse().with_context(|| format!("the endpoint answered `{text}`, not a class"))?;
            // Classes are whole numbers written as 7.0.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            anyhow::Ok((truth, class.round().clamp(0.0, 255.0) as u8))
        })
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await?;
    Score::new(answers).context("the endpoint answered a class that is not a digit")
}

/// Label and pixels of each line.
fn lines(file: &Path) -> anyhow::Result<Vec<(u8, String)>> {
    let open = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut out = Vec::new();
    for (number, line) in BufReader::new(GzDecoder::new(open)).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", file.display()))?;
        let parsed = line.split_once(',').and_then(|(label, pixels)| Some((label.parse().ok()?, pixels.to_owned())));
        match parsed {
            Some(digit) => out.push(digit),
            None => bail!("{}:{}: expected a label, a comma and pixels", file.display(), number + 1),
        }
    }
    Ok(out)
}
