//! `sagewright local env`

use super::profile;
use crate::args::{Dialect, Env, Global};
use crate::exit::{Exit, Failure};
use crate::local::{self, Access};
use crate::output::Printer;
use crate::paths;

/// Variables that would go before those that are set here.
const CLEARED: [&str; 2] = ["AWS_SESSION_TOKEN", "AWS_PROFILE"];

/// Prints the shell commands that point any AWS client at the embedded cloud, or takes them back.
pub(crate) async fn run(args: &Env, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let profile = global.profile.as_deref();
    if args.write && profile.is_none() {
        return Err(Failure::new(Exit::Usage, "--write writes a profile, and none is named")
            .help("give --profile NAME as well")
            .into());
    }
    if args.unset {
        match profile {
            Some(name) if args.write => profile::remove(name, printer)?,
            Some(name) => {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("the profile {name} is not a variable that can be unset"),
                )
                .help("give --write as well to remove it from AWS's configuration file, or leave --profile out")
                .into());
            }
            None => printer.result(&unset(args.shell))?,
        }
        return Ok(Exit::Done);
    }
    let access = local::access(&paths::data(global.data.as_ref()), &args.account).await?;
    match profile {
        Some(name) if args.write => profile::write(name, &access, printer)?,
        Some(name) => printer.result(&profile::text(name, &access)?)?,
        None if printer.for_programs() => printer.document(&access)?,
        None => printer.result(&set(args.shell, &access))?,
    }
    Ok(Exit::Done)
}

fn variables(access: &Access) -> [(&'static str, &str); 5] {
    [
        ("AWS_ENDPOINT_URL", &access.endpoint),
        ("AWS_ACCESS_KEY_ID", &access.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &access.secret_access_key),
        ("AWS_REGION", &access.region),
        ("AWS_DEFAULT_REGION", &access.region),
    ]
}

fn set(shell: Dialect, access: &Access) -> String {
    let mut lines: Vec<String> = variables(access).iter().map(|(name, value)| shell.set(name, value)).collect();
    lines.push(shell.unset(&CLEARED));
    lines.join("\n") + "\n"
}

/// Takes away what [`set`] sets. It needs no cloud that is up.
fn unset(shell: Dialect) -> String {
    let nothing = Access::default();
    shell.unset(&variables(&nothing).map(|(name, _)| name)) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_its_own_language() {
        let access = Access {
            endpoint: "http://127.0.0.1:4599".into(),
            account: "000000000000".into(),
            region: "us-east-1".into(),
            access_key_id: "AKIAEXAMPLE".into(),
            secret_access_key: "a/b+c".into(),
        };
        let shells = [Dialect::Sh, Dialect::Fish, Dialect::Powershell];
        let all: String =
            shells.map(|shell| format!("{shell:?}\n{}---\n{}\n", set(shell, &access), unset(shell))).concat();
        insta::assert_snapshot!(all);
    }
}
