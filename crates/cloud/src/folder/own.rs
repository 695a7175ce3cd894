//! What an embedded cloud makes in its data folder. Whatever is not in this table is the user's.

/// The file that says that a folder is an embedded cloud's.
pub(super) const MARKER: &str = "sagewright-cloud.json";
/// The marker while it is written.
pub(super) const PARTIAL_MARKER: &str = "sagewright-cloud.json.partial";
/// The file whose lock holds the folder.
pub(super) const LOCK: &str = "lock";
/// The database.
pub(super) const DATABASE: &str = "state.sqlite";

/// Paths below a folder that are the cloud's: files, or with a slash at the end whole trees. A name in angle
/// brackets stands for any such name.
type Below = &'static [&'static str];

/// What is a file, and not a folder.
const FILE: Below = &[];

/// In the order of removal: the marker and the lock go last, so that a reset that was cut off can be repeated.
pub(super) const OWN: &[(&str, Below)] = &[
    (DATABASE, FILE),
    ("state.sqlite-wal", FILE),
    ("state.sqlite-shm", FILE),
    ("state.sqlite-journal", FILE),
    ("state.sqlite-redo", FILE),
    ("metrics.sqlite", FILE),
    ("metrics.sqlite-wal", FILE),
    ("metrics.sqlite-shm", FILE),
    ("metrics.sqlite-journal", FILE),
    ("s3", &["objects/<shard>/", "s3.sqlite", "s3.sqlite-wal", "s3.sqlite-shm", "s3.sqlite-journal", "lock"]),
    ("logs", &["<account>/"]),
    ("work", &["training/<id>/", "processing/<id>/", "transform/<id>/", "hosting/<id>/"]),
    ("server.json", FILE),
    ("server.json.partial", FILE),
    ("server.log", FILE),
    ("server.log.1", FILE),
    ("cloud-id", FILE),
    ("cloud-id.partial", FILE),
    ("proxy", &["authority.pem", "sagemaker-sdk.yaml", "<trusted>", "<partial>"]),
    ("sagewright-reserve", FILE),
    (PARTIAL_MARKER, FILE),
    (MARKER, FILE),
    (LOCK, FILE),
];

/// What may be in a folder before its first start: what the user puts there for the cloud to read, and what systems
/// put into folders by themselves.
pub(super) const BESIDE: &[&str] = &["images.toml", "functions.toml", "examples", "lost+found", ".DS_Store"];

/// What a first start that was cut off before the marker leaves.
pub(super) const BEGUN: &[&str] = &[LOCK, PARTIAL_MARKER];

/// What is the cloud's below this name of the data folder; `None` where the name itself is not the cloud's.
pub(super) fn below(name: &str) -> Option<Below> {
    OWN.iter().find(|(own, _)| *own == name).map(|(_, below)| *below)
}

/// Whether the cloud makes something under this name in its data folder.
#[must_use]
pub fn is_own(name: &str) -> bool {
    below(name).is_some()
}

/// Whether a name is what a part of a path in the table stands for.
pub(super) fn is(name: &str, part: &str) -> bool {
    let all = |length: usize, is: fn(&u8) -> bool| name.len() == length && name.as_bytes().iter().all(is);
    match part {
        "<account>" => all(12, u8::is_ascii_digit),
        "<shard>" => all(2, u8::is_ascii_hexdigit),
        "<id>" => is_id(name),
        "<partial>" => name.strip_suffix(".partial").is_some_and(is_id),
        "<trusted>" => {
            let digest = name.strip_prefix("trusted-").and_then(|rest| rest.strip_suffix(".pem"));
            digest.is_some_and(|digest| digest.bytes().all(|b| b.is_ascii_hexdigit()))
        }
        _ => name == part,
    }
}

fn is_id(name: &str) -> bool {
    uuid::Uuid::try_parse(name).is_ok()
}
