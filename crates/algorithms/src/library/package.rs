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

/// 3.0 is the newest library that still writes the old binary format, and that all images since read alike: from 3.1 on the
/// intercept is a list, which older libraries read as 0.5.
///
/// `xgboost-cpu` has no GPU code and no NCCL, 5 MB instead of 130; macOS has only the full package,
/// which is as small there.
pub(super) static PACKAGES: [Package; 4] = [
    Package {
        platform: ("linux", "x86_64"),
        name: "xgboost-cpu",
        version: "3.0.5",
        tag: "manylinux_2_28_x86_64",
        sha256: "ed5c141b88e53777b9bf8786881fd6e2e9032837c7e349052ab40363a14ac708",
        library: "xgboost/lib/libxgboost.so",
        bundled: Some("xgboost_cpu.libs/"),
    },
    Package {
        platform: ("linux", "aarch64"),
        name: "xgboost-cpu",
        version: "3.0.5",
        tag: "manylinux_2_28_aarch64",
        sha256: "9495654dc19b2bbf7f18328566adce2d3504dabf998f1185fac16ba6125d3fcb",
        library: "xgboost/lib/libxgboost.so",
        bundled: Some("xgboost_cpu.libs/"),
    },
    Package {
        platform: ("macos", "aarch64"),
        name: "xgboost",
        version: "3.0.5",
        tag: "macosx_12_0_arm64",
        sha256: "40c324c329bf74f44571cdafb7aa7435366309d76ec14b3e16874862aeb14351",
        library: "xgboost/lib/libxgboost.dylib",
        bundled: None,
    },
    Package {
        platform: ("macos", "x86_64"),
        name: "xgboost",
        version: "3.0.5",
        tag: "macosx_10_15_x86_64",
        sha256: "f974028c7a0c3ae51ef87e2900405436ddafff46452f6f334f5cc295e921429b",
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
