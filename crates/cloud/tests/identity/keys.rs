//! Accounts and their access keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sagewright_cloud::clock::SystemWall;
use sagewright_cloud::identity::{Identity, KeyStatus};
use sagewright_cloud::records::{SharedRecords, StoreError};
use sagewright_cloud_store_sqlite::SqliteRecords;
use serde_json::json;

use crate::support::{Cloud, GONE, HUB, SPOKE};

const WHO: &str = "sts:GetCallerIdentity";

fn identity(store: SqliteRecords) -> Identity {
    Identity::new(Arc::new(store), Arc::new(SystemWall), "aws")
}

/// A database of format 2, and what more is done to it.
fn format_2(folder: &Path, more: &str) -> PathBuf {
    let path = folder.join("state.sqlite");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(include_str!("format_2.sql")).unwrap();
    old.execute_batch(more).unwrap();
    path
}

#[tokio::test]
async fn an_accounts_key_is_made_once_and_stays() {
    let cloud = Cloud::new();
    let key = cloud.identity.credentials(HUB).await.unwrap();
    assert!(key.id.starts_with("AKIA") && key.id.len() == 20, "{}", key.id);
    assert_eq!(key.secret.reveal().len(), 40);
    let again = cloud.identity.credentials(HUB).await.unwrap();
    assert_eq!((&again.id, again.secret.reveal()), (&key.id, key.secret.reveal()));
    let other = cloud.identity.credentials(SPOKE).await.unwrap();
    assert_ne!(other.id, key.id);
    let principal = cloud.identity.lookup(&other.id).await.unwrap().unwrap();
    assert_eq!(principal.arn, "arn:aws:iam::111111111111:user/sagewright");
    assert_eq!(principal.account, SPOKE);
    for bad in ["", "12", "12345678901a", "1234567890123"] {
        assert!(cloud.identity.credentials(bad).await.is_err(), "{bad}");
    }
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let cloud = Cloud::new();
    let key = cloud.identity.credentials(HUB).await.unwrap();
    let principal = cloud.identity.lookup(&key.id).await.unwrap().unwrap();
    let stored = cloud.store.list("", "", "access-key").await.unwrap();
    let shown = format!("{key:?} {principal:?} {:?} {stored:?}", cloud.identity);
    assert!(
        stored[0].body.to_string().contains(key.secret.reveal()) && !shown.contains(key.secret.reveal()),
        "{shown}"
    );
}

#[tokio::test]
async fn an_account_whose_user_was_deleted_gets_the_user_and_a_key_again() {
    let cloud = Cloud::new();
    let first = cloud.user(HUB).await;
    let session = cloud.ok(&first, "sts:GetSessionToken", json!({})).await;
    let session = session["Credentials"]["AccessKeyId"].as_str().unwrap();
    cloud.ok(&first, "iam:DeleteAccessKey", json!({"UserName": "sagewright", "AccessKeyId": first})).await;
    cloud.ok(session, "iam:DeleteUser", json!({"UserName": "sagewright"})).await;
    assert_eq!(cloud.refused(&first, WHO, json!({})).await, GONE);
    let second = cloud.user(HUB).await;
    assert_ne!(second, first);
    cloud.ok(&second, WHO, json!({})).await;
    assert_eq!(cloud.refused(&first, WHO, json!({})).await, GONE);
}

#[tokio::test]
async fn a_user_has_two_keys_however_many_are_asked_for_at_once() {
    let cloud = Cloud::new();
    let admin = cloud.user(HUB).await;
    let user = json!({"UserName": "ann"});
    cloud.ok(&admin, "iam:CreateUser", user.clone()).await;
    let asked = (0..8).map(|_| cloud.run(&admin, "iam:CreateAccessKey", user.clone()));
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2);
    assert!(answers.iter().flat_map(|a| a.as_ref().err()).all(|told| told.starts_with("409 LimitExceeded")));
}

/// A key that is looked up while it is being turned off is not remembered as one that may be used.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_is_refused_as_soon_as_it_is_off() {
    let cloud = Arc::new(Cloud::new());
    let made = cloud.user(HUB).await;
    let set = |status| cloud.identity.set_key_status(HUB, "sagewright", &made, status);
    for _ in 0..100 {
        set(KeyStatus::Active).await.unwrap();
        let looks = (0..4).map(|_| {
            let (cloud, key) = (Arc::clone(&cloud), made.clone());
            tokio::spawn(async move { cloud.identity.lookup(&key).await.unwrap() })
        });
        let looks: Vec<_> = looks.collect();
        set(KeyStatus::Inactive).await.unwrap();
        assert!(cloud.identity.lookup(&made).await.unwrap().is_none());
        for look in looks {
            look.await.unwrap();
        }
        assert!(cloud.identity.lookup(&made).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_earlier_versions_accounts_keys_and_sessions_go_on() {
    let format_1 =
        "ALTER TABLE session DROP COLUMN further; ALTER TABLE record DROP COLUMN version; PRAGMA user_version = 1";
    for more in ["", "ALTER TABLE session DROP COLUMN further", format_1] {
        let folder = tempfile::tempdir().unwrap();
        let path = format_2(folder.path(), more);
        for _ in ["migrated", "opened again"] {
            let cloud = Cloud::open(&path);
            assert_eq!(cloud.user(HUB).await, "AKIASAGEWRIGHT000000");
            let who = cloud.ok("AKIAANN00000000000ON", WHO, json!({})).await;
            assert_eq!(who["Arn"], "arn:aws:iam::000000000000:user/ann");
            for gone in ["AKIAANN0000000000OFF", "AKIAGONE000000000000"] {
                assert_eq!(cloud.refused(gone, WHO, json!({})).await, GONE, "{gone}");
            }
            let keys = cloud.ok("AKIASAGEWRIGHT000000", "iam:ListAccessKeys", json!({"UserName": "ann"})).await;
            let key = |n: usize| &keys["AccessKeyMetadata"][n];
            assert_eq!([&key(0)["Status"], &key(1)["Status"]], ["Active", "Inactive"]);
            assert_eq!(key(0)["CreateDate"], 1_795_653_243);
            let session = cloud.identity.lookup("ASIAOFROLE0000000000").await.unwrap().unwrap();
            assert_eq!((session.secret.reveal(), &*session.user_id), ("secret", "AROAPCIW2L3XFBAMINBIS:s-1"));
            let session = session.session.clone().unwrap();
            assert_eq!((session.token.reveal(), session.expires.as_second()), ("token", 4_102_444_800));
            assert_eq!(session.tags, [("team".to_owned(), "red".to_owned())]);
            assert_eq!(session.role.as_deref(), Some("arn:aws:iam::000000000000:role/deploy"));
            assert_eq!(session.further.transitive.is_empty(), !more.is_empty());
            let user = cloud.identity.lookup("ASIAOFUSER0000000000").await.unwrap().unwrap();
            assert_eq!(user.session.as_ref().unwrap().source_identity.as_deref(), Some("who"));
            assert_eq!(user.session.as_ref().unwrap().role, None);
        }
    }
}

/// A cloud of the earlier version may be running on it.
#[tokio::test]
async fn a_second_process_leaves_an_earlier_versions_database_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = format_2(folder.path(), "");
    let refused = SqliteRecords::open_beside(&path).unwrap_err();
    assert!(matches!(refused, StoreError::Older { found: 2, known: 5 }), "{refused}");
    let old = rusqlite::Connection::open(&path).unwrap();
    let keys = |count: rusqlite::Result<i64>| count.unwrap();
    assert_eq!(keys(old.query_row("SELECT count(*) FROM access_key", [], |row| row.get(0))), 4);
}

#[tokio::test]
async fn sessions_that_ended_long_ago_are_forgotten() {
    let store = SqliteRecords::in_memory().unwrap();
    let identity = identity(store.clone());
    let store: SharedRecords = Arc::new(store);
    let key = identity.credentials(HUB).await.unwrap();
    let user = identity.lookup(&key.id).await.unwrap().unwrap();
    let mut ids = Vec::new();
    for days in [-91, -1, 1] {
        let expires = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        let new = sagewright_cloud::identity::NewSession::of_user(&user, expires);
        ids.push(identity.begin_session(new).await.unwrap().0);
    }
    identity.forget_old_sessions().await.unwrap();
    let mut left: Vec<_> = store.list("", "", "session").await.unwrap().into_iter().map(|s| s.key.name).collect();
    left.sort_unstable();
    let mut kept = ids.split_off(1);
    kept.sort_unstable();
    assert_eq!(left, kept);
}
