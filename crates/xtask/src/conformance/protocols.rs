//! The protocol codecs, judged by the Smithy project's protocol tests.
//!
//! The tests are a public Maven package, which is fetched at a pinned version and not kept in the repository. Needs Java 17 and
//! Maven.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::process::{self, cargo};

/// Of all packages of the Smithy project.
const SMITHY: &str = "1.54.0";
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// Runs the tests; `fresh` makes their JSON AST again.
pub fn judge(fresh: bool) -> Result<()> {
    let folder = crate::target().join("smithy").join(SMITHY);
    let ast = folder.join("ast.json");
    if fresh || !ast.exists() {
        fetch(&folder)?;
        dump(&folder, &ast)?;
    }
    let wire = crate::root().join("crates/cloud/wire");
    let mut judge = cargo([
        "run",
        "--quiet",
        "--locked",
        "--package",
        "sagewright-cloud-wire",
        "--example",
        "protocol_tests",
        "--",
    ]);
    judge.arg(&ast).arg(wire.join("examples/protocol_tests/excluded.toml"));
    process::must(&mut judge, "the codecs do not agree with the protocol tests: see above")
}

/// Gets the packages and what they need.
fn fetch(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let pom = include_str!("pom.xml").replace("VERSION", SMITHY);
    fs::write(folder.join("pom.xml"), pom).with_context(|| format!("cannot write to {}", folder.display()))?;
    let mut maven = Command::new("mvn");
    maven.args(["--quiet", "--batch-mode", COPY, "-DoutputDirectory=jars"]).current_dir(folder);
    process::must(&mut maven, "Maven could not fetch the protocol tests: it has to be installed, with Java 17 or newer")
}

/// Writes all models of the packages as one JSON AST.
fn dump(folder: &Path, ast: &Path) -> Result<()> {
    fs::write(folder.join("Dump.java"), include_str!("Dump.java"))?;
    let partial = folder.join("ast.json.partial");
    let output = fs::File::create(&partial).with_context(|| format!("cannot write {}", partial.display()))?;
    let mut java = Command::new("java");
    java.args(["-cp", "jars/*", "Dump.java"]).current_dir(folder).stdout(Stdio::from(output));
    process::must(&mut java, "Java could not read the protocol tests")?;
    fs::rename(&partial, ast).with_context(|| format!("cannot write {}", ast.display()))
}
