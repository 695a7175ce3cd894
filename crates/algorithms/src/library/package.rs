//! Which published package holds the XGBoost library, for each platform.

use super::InstallError;

/// One pinned package file.
#[derive(Debug)]
pub(super) struct Package {
    /// `std::env::consts::OS` and `ARCH` of the platform.
    pub(super) platform: (&'static str, &'static str),
    /// The name of the package on the index.
    pub(super) name: &'static str,
    /// Its version.
    pub(super) version: &'static str,
    /// The platform tag of the file.
    pub(super) tag: &'static str,
    /// The SHA-256 of the file.
    pub(super) sha256: &'static str,
    /// The library's path in the package.
    pub(super) library: &'static str,
    /// The folder of libraries that it brings along, found by its relative rpath.
    pub(super) bundled: Option<&'static str>,
}

/// `xgboost-cpu` has no GPU code and no NCCL, 5 MB instead of 130; macOS has only the full package,
/// which is as small there.
pub(super) static PACKAGES: [Package; 4] = [
    Package {
        platform: ("linux", "x86_64"),
        name: "xgboost-cpu",
        version: "3.2.0",
        tag: "manylinux_2_28_x86_64",
        sha256: "9c10b1653e1a689bf4094a328144cf3633c9be0e5217a76fbdc2fde6abcb2950",
        library: "xgboost/lib/libxgboost.so",
        bundled: Some("xgboost_cpu.libs/"),
    },
    Package {
        platform: ("linux", "aarch64"),
        name: "xgboost-cpu",
        version: "3.2.0",
        tag: "manylinux_2_28_aarch64",
        sha256: "896b9e2bc52ec0921edf92ddd1cebedf47032e94992b7aca0293524d380ce6e9",
        library: "xgboost/lib/libxgboost.so",
        bundled: Some("xgboost_cpu.libs/"),
    },
    Package {
        platform: ("macos", "aarch64"),
        name: "xgboost",
        version: "3.2.0",
        tag: "macosx_12_0_arm64",
        sha256: "eabbd40d474b8dbf6cb3536325f9150b9e6f0db32d18de9914fb3227d0bef5b7",
        library: "xgboost/lib/libxgboost.dylib",
        bundled: None,
    },
    Package {
        platform: ("macos", "x86_64"),
        name: "xgboost",
        version: "3.2.0",
        tag: "macosx_10_15_x86_64",
        sha256: "2f661966d3e322536d9c448090a870fcba1e32ee5760c10b7c46bac7a342079a",
        library: "xgboost/lib/libxgboost.dylib",
        bundled: None,
    },
];

impl Package {
    /// The package for the platform that this program was built for.
    pub(super) fn for_this_platform() -> Result<&'static Self, InstallError> {
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        Self::for_platform(os, arch).ok_or_else(|| InstallError::UnsupportedPlatform(format!("{os} on {arch}")))
    }

    pub(super) fn for_platform(os: &str, arch: &str) -> Option<&'static Self> {
        PACKAGES.iter().find(|package| package.platform == (os, arch))
    }

    /// `name==version`, as pip writes it.
    pub(super) fn requirement(&self) -> String {
        format!("{}=={}", self.name, self.version)
    }

    /// The folder that the unpacked package has in the cache.
    pub(super) fn folder(&self) -> String {
        format!("{}-{}-{}", self.name, self.version, self.tag)
    }
}
