//! Embeds every file of `kinds/`: a new kind is a new file.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // Asked for when it runs: a build script that was made elsewhere may be used again.
    let package = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let root = Path::new(&package).join("../../kinds").canonicalize()?;
    println!("cargo:rerun-if-changed={}", root.display());
    println!("cargo:rerun-if-changed={}", root.join("services").display());
    let mut code = String::new();
    for (name, dir) in [("ROWS", root.clone()), ("SERVICES", root.join("services"))] {
        let mut files: Vec<_> = fs::read_dir(&dir)?
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "toml"))
            .collect();
        files.sort();
        code += &format!("pub(crate) const {name}: &[(&str, &str)] = &[\n");
        for file in &files {
            println!("cargo:rerun-if-changed={}", file.display());
            let stem = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
            code += &format!("    ({stem:?}, include_str!({:?})),\n", file.display().to_string());
        }
        code += "];\n";
    }
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("files.rs"), code)
}
