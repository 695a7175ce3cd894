//! What ten thousand settled objects take, counted byte by byte.
#![allow(clippy::unwrap_used, unsafe_code, missing_docs)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use sagewright_engine::watch::{ContentHash, ListItem, NameHash, Poller, Settled};
use serde_json::json;

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is left to the system's allocator; only sizes are counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// An item as `ListEndpoints` gives it.
fn shown(i: usize) -> ListItem {
    let name = format!("customer-{i:05}-fraud-detector-production");
    let time = "2026-01-01T00:00:00.123Z";
    let item = json!({"EndpointName": name, "EndpointStatus": "InService", "CreationTime": time, "LastModifiedTime": time,
        "EndpointArn": format!("arn:aws:sagemaker:us-east-1:123456789012:endpoint/{name}")});
    ListItem { hash: ContentHash::of(&item, &[]), name, changed: time.parse().ok() }
}

#[test]
fn ten_thousand_settled_objects_take_less_than_two_megabytes() {
    let start = HELD.load(Ordering::Relaxed);
    let mut poller = Poller::new(true, Duration::from_secs(1800));
    let mut memory: BTreeMap<NameHash, Settled> = BTreeMap::new();
    let declared = ContentHash::of(&json!({"endpointConfigName": "c"}), &[]);
    for round in 0..3 {
        poller.begin(Timestamp::from_second(1_800_000_000 + round * 4000).unwrap());
        // A hundred to a page, as AWS gives them.
        for page in 0..100 {
            let page: Vec<ListItem> = (0..100).map(|i| shown(page * 100 + i)).collect();
            memory.extend(page.iter().map(|s| (NameHash::of(&s.name), Settled::new(declared, s.hash))));
            poller.page(page);
        }
        assert!(poller.end().is_empty());
    }
    assert_eq!((poller.len(), memory.len()), (10_000, 10_000));
    let (held, most) = (HELD.load(Ordering::Relaxed) - start, MOST.load(Ordering::Relaxed) - start);
    assert!(held < 1_000_000, "{held} bytes are held");
    assert!(most < 2_000_000, "{most} bytes were held at most, while a map grew or a page was read");
    assert!(size_of::<NameHash>() + size_of::<ContentHash>() == 16 && size_of::<Settled>() == 16);
}
