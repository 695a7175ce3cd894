//! What the environment and the shared config files say.

use std::borrow::Cow;

use aws_runtime::env_config::EnvConfigValue;
use aws_runtime::env_config::section::EnvConfigSections;
use aws_types::os_shim_internal::{Env, Fs};
use sagewright_model::Service;

/// Settings read once, when the client is built. No network, no credentials.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    env: Env,
    sections: EnvConfigSections,
    /// An endpoint given by the program, which goes before everything else.
    pub endpoint_override: Option<String>,
}

/// What is wrong with the shared config files.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// They could not be read.
    #[error("failed to read the AWS config files ({files}): {why}")]
    Unreadable {
        /// The files.
        files: String,
        /// Why.
        why: String,
    },
    /// They do not hold the profile that was asked for.
    #[error("there is no profile '{name}' in the AWS config files ({files}); {known}")]
    NoProfile {
        /// The profile.
        name: String,
        /// The files.
        files: String,
        /// The profiles that there are.
        known: String,
    },
}

impl Settings {
    /// Reads the config files of the selected profile.
    pub(crate) async fn load(
        env: Env,
        fs: &Fs,
        profile: Option<String>,
        endpoint_override: Option<String>,
        credentials_given: bool,
    ) -> Result<Self, ConfigError> {
        let files = aws_runtime::env_config::file::EnvConfigFiles::default();
        let named = |name: &str, default: &str| env.get(name).unwrap_or_else(|_| default.to_owned());
        let shown = || {
            format!(
                "{} and {}",
                named("AWS_CONFIG_FILE", "~/.aws/config"),
                named("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
            )
        };
        let of_environment = || env.get("AWS_PROFILE").ok().filter(|name| !name.is_empty() && !credentials_given);
        let wanted = profile.clone().or_else(of_environment);
        let sections = aws_config::profile::load(fs, &env, &files, profile.map(Cow::Owned))
            .await
            .map_err(|error| ConfigError::Unreadable { files: shown(), why: chain(&error) })?;
        // A profile that gives the credentials decides whose account is written to: a misspelt one must not fall through to
        // other credentials.
        if let Some(name) = wanted.filter(|name| name != "default" && sections.get_profile(name).is_none()) {
            let mut known: Vec<&str> = sections.profiles().collect();
            known.sort_unstable();
            let known = if known.is_empty() {
                "no profiles are defined there".to_owned()
            } else {
                format!("they hold: {}", known.join(", "))
            };
            return Err(ConfigError::NoProfile { name, files: shown(), known });
        }
        Ok(Self { env, sections, endpoint_override })
    }

    /// The selected profile's name.
    pub(crate) fn profile(&self) -> &str {
        self.sections.selected_profile()
    }

    /// An environment variable that is set and not empty.
    pub(crate) fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).ok().filter(|v| !v.is_empty())
    }

    /// The environment itself.
    pub(crate) fn environment(&self) -> &Env {
        &self.env
    }

    fn value(&self, env: &str, profile: &str, service: Option<&str>) -> Option<String> {
        let mut value = EnvConfigValue::new().env(env).profile(profile);
        if let Some(service) = service {
            value = value.service_id(service);
        }
        value.load(&self.env, Some(&self.sections)).map(|(v, _)| v.into_owned()).filter(|v| !v.trim().is_empty())
    }

    fn flag(&self, env: &str, profile: &str) -> bool {
        self.value(env, profile, None).is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// The default region: `AWS_REGION`, `AWS_DEFAULT_REGION`, then the profile.
    pub(crate) fn region(&self) -> Option<String> {
        self.env("AWS_REGION")
            .or_else(|| self.env("AWS_DEFAULT_REGION"))
            .or_else(|| self.sections.get("region").map(str::to_owned).filter(|r| !r.is_empty()))
    }

    /// `AWS_USE_FIPS_ENDPOINT` and its kin.
    pub(crate) fn fips(&self) -> bool {
        self.flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")
    }

    /// `AWS_USE_DUALSTACK_ENDPOINT` and its kin.
    pub(crate) fn dual_stack(&self) -> bool {
        self.flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")
    }

    /// `AWS_MAX_ATTEMPTS`, then the profile.
    pub(crate) fn max_attempts(&self) -> Option<u32> {
        self.value("AWS_MAX_ATTEMPTS", "max_attempts", None)?.trim().parse().ok().filter(|n| *n > 0)
    }

    /// The URL configured for a service, in the order the SDKs document: the program's, the service's variable,
    /// the general variable, the profile's `services` section, the profile.
    pub(crate) fn endpoint_url(&self, service: &Service) -> Option<String> {
        if let Some(url) = &self.endpoint_override {
            return Some(url.clone());
        }
        if self.flag("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls") {
            return None;
        }
        let id: &str = &service.metadata.service_id;
        let variable = format!("AWS_ENDPOINT_URL_{}", id.to_uppercase().replace([' ', '-'], "_"));
        self.env(&variable)
            .or_else(|| self.env("AWS_ENDPOINT_URL"))
            .or_else(|| self.value("AWS_ENDPOINT_URL", "endpoint_url", Some(id)))
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
