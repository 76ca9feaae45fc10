//! Go modules, through the go command, which leaves out what authors have retracted. Some proxies give
//! versions but no lists of them.

use std::process::Command;

use rst_model::Version;
use serde::Deserialize;

use crate::{
    client,
    error::OriginError,
    origin::{Desk, go_module::go},
};

/// How the go command lists Go's own releases, which are the versions of this module.
const TOOLCHAIN: &str = "golang.org/toolchain";

/// The module of which the versions are listed, for one that a recipe names.
pub(super) fn listed(module: &str) -> &str {
    match module.split('@').next().unwrap_or(module) {
        TOOLCHAIN => "go",
        path => path,
    }
}

/// The path under which a next major version would appear: each has a module of its own.
/// <https://go.dev/ref/mod#major-version-suffixes>
pub(super) fn next_major(module: &str) -> Option<String> {
    if !module.contains('/') {
        return None;
    }
    let suffix = module.rsplit_once("/v").and_then(|(path, number)| Some((path, number.parse::<u32>().ok()?)));
    let (path, major) = suffix.unwrap_or((module, 1));
    Some(format!("{path}/v{}", major + 1))
}

pub(super) fn versions(desk: &Desk, module: &str) -> Result<Vec<Version>, OriginError> {
    list(desk, module, None)
}

/// The same of a module that there need not be. Only proxies are asked: without one that has it, the go
/// command would look for a repository, and could not tell none from one out of reach.
pub(super) fn versions_if_any(desk: &Desk, module: &str) -> Result<Vec<Version>, OriginError> {
    let mut env = Command::new("go");
    env.args(["env", "GOPROXY"]).current_dir(desk.scratch);
    let configured = client::run(&mut env, desk.fetcher)?;
    let configured = String::from_utf8_lossy(&configured.stdout).trim().to_owned();
    let proxies: Vec<_> = configured.split([',', '|']).filter(|proxy| !matches!(*proxy, "direct" | "off")).collect();
    let proxies = if proxies.is_empty() { configured } else { proxies.join(",") };
    match list(desk, module, Some(&proxies)) {
        Err(OriginError::Reason(reason)) if is_absence(&reason) => Ok(Vec::new()),
        answer => answer,
    }
}

fn is_absence(reason: &str) -> bool {
    // The last is how a folder that serves as proxy says it.
    let said = ["404 Not Found", "410 Gone", "no matching versions", "no such file or directory"];
    said.iter().any(|words| reason.contains(words))
}

fn list(desk: &Desk, module: &str, proxies: Option<&str>) -> Result<Vec<Version>, OriginError> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default, rename = "Versions")]
        versions: Vec<String>,
    }
    let mut go = go(desk);
    go.args(["list", "-mod=mod", "-m", "-versions", "-json", &format!("{module}@latest")])
        .envs(proxies.map(|proxies| ("GOPROXY", proxies)));
    let output = client::run(&mut go, desk.fetcher)?;
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|error| OriginError::reason(format!("`go list` gave no JSON: {error}")))?;
    Ok(answer.versions.iter().map(|version| Version::new(version)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_major_version_is_another_module() {
        assert_eq!(next_major("go.podman.io/podman/v6").unwrap(), "go.podman.io/podman/v7");
        assert_eq!(next_major("go.podman.io/buildah").unwrap(), "go.podman.io/buildah/v2");
        assert_eq!(next_major("example.org/vim").unwrap(), "example.org/vim/v2");
        assert_eq!(next_major("go"), None);
        assert_eq!(listed("golang.org/toolchain@v0.0.1-go{version}.linux-{arch}"), "go");
    }
}
