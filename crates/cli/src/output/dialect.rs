//! Variables in the languages of shells.

use crate::args::Dialect;

impl Dialect {
    /// The command that sets a variable for all programs of the shell.
    pub(crate) fn set(self, name: &str, value: &str) -> String {
        match self {
            Self::Sh => format!("export {name}={}", super::shell::quote(value)),
            Self::Fish => format!("set -gx {name} '{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
            Self::Powershell => format!("$Env:{name} = '{}'", value.replace('\'', "''")),
        }
    }

    /// The command that takes variables away, set or not.
    pub(crate) fn unset(self, names: &[&str]) -> String {
        let all = |each: &dyn Fn(&str) -> String| names.iter().map(|name| each(name)).collect::<Vec<_>>();
        match self {
            Self::Sh => format!("unset {}", names.join(" ")),
            Self::Fish => format!("set -e {}", names.join(" ")),
            Self::Powershell => {
                let paths = all(&|name| format!("Env:{name}")).join(",");
                format!("Remove-Item -ErrorAction Ignore -Path {paths}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;

    #[test]
    fn values_survive_every_shell() {
        let value = r"it's C:\x $HOME";
        let table = [
            (Dialect::Sh, r"export A='it'\''s C:\x $HOME'", "unset A B"),
            (Dialect::Fish, r"set -gx A 'it\'s C:\\x $HOME'", "set -e A B"),
            (Dialect::Powershell, r"$Env:A = 'it''s C:\x $HOME'", "Remove-Item -ErrorAction Ignore -Path Env:A,Env:B"),
        ];
        for (dialect, set, unset) in table {
            assert_eq!((dialect.set("A", value).as_str(), dialect.unset(&["A", "B"]).as_str()), (set, unset));
        }
    }
}
