//! Measures an embedded cloud that runs: `core_load ADDRESS ACCESS_KEY SECRET SECONDS`, one sequential keep-alive client.

use std::time::{Duration, Instant};

#[path = "../tests/support/mod.rs"]
mod support;

use support::{Client, Key};

#[allow(clippy::print_stdout, clippy::expect_used)]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, id, secret, seconds] = arguments.as_slice() else {
        println!("usage: core_load ADDRESS ACCESS_KEY SECRET SECONDS");
        return;
    };
    let mut client = Client::new(address.parse().expect("an address"));
    let key = Key { id: id.clone(), secret: secret.clone(), token: None };
    let length = Duration::from_secs(seconds.parse().expect("a number of seconds"));
    measure("GetCallerIdentity", 1, length, |_| {
        let answer = client.query("sts", &key, "Action=GetCallerIdentity&Version=2011-06-15");
        assert_eq!(answer.status, 200, "{}", answer.text());
    });
    let trust = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B\
                 %22Service%22%3A%22sagemaker.amazonaws.com%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D";
    let run = std::process::id();
    measure("CreateRole + GetRole", 2, length, |n| {
        let create =
            format!("Action=CreateRole&Version=2010-05-08&RoleName=load-{run}-{n}&AssumeRolePolicyDocument={trust}");
        let answer = client.query("iam", &key, &create);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let get = format!("Action=GetRole&Version=2010-05-08&RoleName=load-{run}-{n}");
        assert_eq!(client.query("iam", &key, &get).status, 200);
    });
}

#[allow(clippy::print_stdout, clippy::cast_precision_loss)]
fn measure(name: &str, calls: u64, length: Duration, mut once: impl FnMut(u64)) {
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < length {
        once(count);
        count += 1;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{name}: {:.0} calls/s", (count * calls) as f64 / seconds);
}
