//! Parts of files as request bodies that can be sent again.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::{ByteStream, Length};
use sha2::{Digest as _, Sha256};

use crate::transport::BodySigning;

/// A range of a file.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub path: PathBuf,
    pub offset: u64,
    pub length: u64,
}

impl Part {
    /// The body and how it is signed: over TLS the connection protects it, else its digest does.
    pub(super) async fn body(&self, tls: bool) -> Result<(SdkBody, BodySigning), String> {
        let signing = if tls { BodySigning::Unsigned } else { BodySigning::Sha256(self.digest().await?) };
        if self.length == 0 {
            return Ok((SdkBody::from(""), signing));
        }
        let stream = ByteStream::read_from()
            .path(&self.path)
            .offset(self.offset)
            .length(Length::Exact(self.length))
            .build()
            .await
            .map_err(|e| format!("failed to read {}: {}", self.path.display(), crate::config::chain(&e)))?;
        Ok((stream.into_inner(), signing))
    }

    async fn digest(&self) -> Result<String, String> {
        let part = self.clone();
        let path = self.path.display().to_string();
        let digest = tokio::task::spawn_blocking(move || part.digest_now()).await;
        match digest {
            Ok(Ok(digest)) => Ok(digest),
            Ok(Err(error)) => Err(format!("failed to read {path}: {error}")),
            Err(error) => Err(format!("failed to read {path}: {error}")),
        }
    }

    fn digest_now(&self) -> std::io::Result<String> {
        let mut file = std::fs::File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut rest = file.take(self.length);
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let read = rest.read(&mut buffer)?;
            if read == 0 {
                return Ok(hex::encode(hasher.finalize()));
            }
            hasher.update(&buffer[..read]);
        }
    }
}

/// The size of a regular file.
pub(super) async fn size(path: &Path) -> Result<u64, String> {
    let metadata = tokio::fs::metadata(path).await.map_err(|e| format!("failed to read {}: {e}", path.display()))?;
    if metadata.is_file() { Ok(metadata.len()) } else { Err(format!("{} is not a file", path.display())) }
}
