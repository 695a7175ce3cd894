//! The `sagewright` command.

mod manifest;

fn main() {
    let _ = manifest::read(&[]);
}
