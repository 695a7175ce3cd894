//! SPDX licence expressions: whether a set of allowed licences satisfies one.

/// Whether `expression` can be met with allowed licences only. `/` is the old way to write `OR`.
pub fn allowed(expression: &str, licences: &[String]) -> Result<bool, String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { tokens: &tokens, licences };
    let met = parser.any()?;
    match parser.tokens {
        [] => Ok(met),
        [rest, ..] => Err(format!("`{expression}` is not an SPDX expression: `{rest}` is not expected")),
    }
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    licences: &'a [String],
}

impl Parser<'_> {
    fn any(&mut self) -> Result<bool, String> {
        let mut met = self.all()?;
        while self.take("OR") {
            met |= self.all()?;
        }
        Ok(met)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut met = self.one()?;
        while self.take("AND") {
            met &= self.one()?;
        }
        Ok(met)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let met = self.any()?;
            return if self.take(")") { Ok(met) } else { Err("a `)` is missing".to_owned()) };
        }
        let [name, rest @ ..] = self.tokens else { return Err("a licence is missing".to_owned()) };
        if ["OR", "AND", "WITH", ")"].contains(name) {
            return Err(format!("a licence is missing before `{name}`"));
        }
        self.tokens = rest;
        let mut name = (*name).to_owned();
        if self.take("WITH") {
            let [exception, rest @ ..] = self.tokens else { return Err("nothing follows `WITH`".to_owned()) };
            self.tokens = rest;
            name = format!("{name} WITH {exception}");
        }
        Ok(self.licences.contains(&name))
    }

    fn take(&mut self, token: &str) -> bool {
        match self.tokens {
            [first, rest @ ..] if *first == token => {
                self.tokens = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn expressions_are_judged_as_spdx_says() {
        let list: Vec<String> =
            ["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).to_vec();
        for (expression, met) in [
            ("MIT", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/GPL-3.0", true),
            ("GPL-3.0-only OR MIT", true),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
            ("MIT AND GPL-3.0", false),
            ("GPL-3.0 OR MIT AND AGPL-3.0", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH LLVM-exception", false),
            ("AGPL-3.0-only", false),
        ] {
            assert_eq!(allowed(expression, &list), Ok(met), "{expression}");
        }
        for broken in ["", "MIT OR", "(MIT", "MIT Apache-2.0", "OR MIT", "MIT WITH"] {
            assert!(allowed(broken, &list).is_err(), "{broken}");
        }
    }
}
