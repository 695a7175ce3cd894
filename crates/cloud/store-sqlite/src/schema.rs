//! The tables, and what makes older databases have them.

use rusqlite::{Connection, TransactionBehavior};
use sagewright_cloud_core::durability::Durability;
use sagewright_cloud_core::records::StoreError;

use crate::db;

// Each write goes to the log once for every page that it touches. Rows in the order in which they come touch one page
// at the end of the table, and a short entry of the key's index; a table sorted by key would move long bodies about.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS record (
    account  TEXT NOT NULL,
    region   TEXT NOT NULL,
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    arn      TEXT NOT NULL,
    status   TEXT NOT NULL,
    created  INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    body     TEXT NOT NULL,
    version  INTEGER NOT NULL DEFAULT 1,
    PRIMARY KEY (account, region, kind, name)
);
CREATE INDEX IF NOT EXISTS record_by_status ON record (kind, status) WHERE status <> '';
DROP INDEX IF EXISTS record_by_arn;
DROP INDEX IF EXISTS record_by_created;
CREATE INDEX IF NOT EXISTS record_by_creation ON record (account, region, kind, created, name);
CREATE INDEX IF NOT EXISTS record_by_own_status ON record (account, region, kind, status, name) WHERE status <> '';
CREATE TABLE IF NOT EXISTS tag (
    arn   TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (arn, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tag_by_value ON tag (key, value, arn);
CREATE TABLE IF NOT EXISTS event (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    kind    TEXT NOT NULL,
    at      INTEGER NOT NULL,
    body    TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS timer (
    id   TEXT PRIMARY KEY,
    due  INTEGER NOT NULL,
    body TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS timer_by_due ON timer (due);
CREATE TABLE IF NOT EXISTS redo (database INTEGER NOT NULL, next INTEGER NOT NULL);
INSERT INTO redo SELECT random(), 0 WHERE NOT EXISTS (SELECT 1 FROM redo);
PRAGMA user_version = 5;
";

/// Format of the database, as `user_version` tells it.
pub const FORMAT: i64 = 5;

/// Records of format 1 have no version.
const FROM_1: &str = "ALTER TABLE record ADD COLUMN version INTEGER NOT NULL DEFAULT 1;";

/// Up to format 2, accounts, access keys and sessions have tables of their own; sessions of early versions lack a column.
const FROM_2: &str = "
CREATE TABLE IF NOT EXISTS account (id TEXT PRIMARY KEY, created INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS access_key (
    id TEXT PRIMARY KEY, secret TEXT NOT NULL, account TEXT NOT NULL, user TEXT NOT NULL,
    active INTEGER NOT NULL, created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS session (
    id TEXT PRIMARY KEY, secret TEXT NOT NULL, token TEXT NOT NULL, account TEXT NOT NULL, arn TEXT NOT NULL,
    user_id TEXT NOT NULL, role TEXT, tags TEXT NOT NULL, source TEXT, expires INTEGER NOT NULL
) WITHOUT ROWID;
";
const SESSIONS_WITHOUT_FURTHER: &str = "ALTER TABLE session ADD COLUMN further TEXT NOT NULL DEFAULT '{}';";
// Apps of spaces had the keys of those of user profiles.
const IDENTITIES: &str = "
INSERT OR IGNORE INTO record (account, region, kind, name, arn, status, created, modified, body)
    SELECT id, '', 'account', id, '', '', created, created, '{}' FROM account;
INSERT OR IGNORE INTO record (account, region, kind, name, arn, status, created, modified, body)
    SELECT '', '', 'access-key', k.id, r.arn, CASE WHEN k.active THEN 'Active' ELSE 'Inactive' END, k.created, k.created,
        json_object('Account', k.account, 'User', k.user, 'UserId', json_extract(r.body, '$.UserId'), 'Secret', k.secret)
    FROM access_key k
    JOIN record r ON r.account = k.account AND r.region = '' AND r.kind = 'user' AND r.name = k.user;
INSERT OR IGNORE INTO record (account, region, kind, name, arn, status, created, modified, body)
    SELECT '', '', 'session', id, arn, '', expires, expires, json_object('Account', account, 'UserId', user_id,
        'Secret', secret, 'Token', token, 'Role', role, 'Tags', json(tags), 'SourceIdentity', source,
        'Further', json(further))
    FROM session;
UPDATE OR IGNORE record SET name = lower(json_extract(body, '$.DomainId') || '/SpaceName:' ||
        json_extract(body, '$.SpaceName') || '/' || json_extract(body, '$.AppType') || '/' || json_extract(body, '$.AppName'))
    WHERE kind = 'app' AND json_extract(body, '$.SpaceName') IS NOT NULL AND json_extract(body, '$.UserProfileName') IS NULL;
DROP TABLE account;
DROP TABLE access_key;
DROP TABLE session;
";

/// Makes a connection ready: its settings, and the tables that are missing.
///
/// # Errors
/// A newer version made the database, SQLite failed, or it is an older version's and not to be changed.
pub fn prepare(connection: &mut Connection, migrate: bool) -> Result<(), StoreError> {
    // First of all: what a newer version made must not be touched.
    let found: i64 = connection.pragma_query_value(None, "user_version", |r| r.get(0)).map_err(db("opened"))?;
    if found > FORMAT {
        return Err(StoreError::Newer { found, known: FORMAT });
    }
    if !migrate && found != FORMAT {
        return Err(StoreError::Older { found, known: FORMAT });
    }
    connection.pragma_update(None, "synchronous", Durability::Kill.synchronous()).map_err(db("opened"))?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(db("opened"))?;
    // A transaction that reads and then writes would be refused at once where another process (`local env`) has
    // written in between; one that announces its write waits its turn.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    connection.busy_timeout(std::time::Duration::from_secs(5)).map_err(db("opened"))?;
    connection.set_prepared_statement_cache_capacity(64);
    if found != FORMAT {
        migrate_to_current(connection).map_err(db("opened"))?;
    }
    Ok(())
}

/// All in one transaction, so that a kill leaves the old format or the new one.
fn migrate_to_current(connection: &mut Connection) -> rusqlite::Result<()> {
    let tx = connection.transaction()?;
    // Another process may have been faster.
    let found: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == 1 {
        tx.execute_batch(FROM_1)?;
    }
    tx.execute_batch(SCHEMA)?;
    if found == 1 || found == 2 {
        tx.execute_batch(FROM_2)?;
        let further = "SELECT count(*) FROM pragma_table_info('session') WHERE name = 'further'";
        if tx.query_row(further, [], |row| row.get::<_, i64>(0))? == 0 {
            tx.execute_batch(SESSIONS_WITHOUT_FURTHER)?;
        }
        tx.execute_batch(IDENTITIES)?;
    }
    tx.commit()
}
