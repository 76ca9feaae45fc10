//! A registry, asked as anybody may: <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>.
//! Where one must log in, `skopeo copy` to a folder does it.

use std::path::PathBuf;

use rst_model::{Digest, RelPath};

use crate::{Fetcher, error::OriginError, origin::Desk};

/// One repository of a registry.
pub(super) struct Registry {
    /// `https://HOST/v2/REPOSITORY`
    base: String,
    /// What the registry gave us for asking.
    token: Option<String>,
}

/// What Docker Hub is called, which answers one name below that.
const DOCKER_HUB: &str = "docker.io";

/// What is understood of what a registry may hold.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
                         application/vnd.docker.distribution.manifest.list.v2+json, \
                         application/vnd.docker.distribution.manifest.v2+json";

impl Registry {
    pub(super) fn enter(fetcher: &Fetcher, host: &str, repository: &RelPath) -> Result<Self, OriginError> {
        let server = if host == DOCKER_HUB { format!("registry-1.{host}") } else { host.to_owned() };
        // As with other clients, only this machine itself is asked without TLS.
        let scheme = if is_loopback(host) { "http" } else { "https" };
        let root = format!("{scheme}://{server}/v2/");
        let token = match fetcher.http.challenge(&root, &fetcher.cancel)? {
            Some(challenge) => Some(token(fetcher, &challenge, repository)?),
            None => None,
        };
        Ok(Registry { base: format!("{root}{repository}"), token })
    }

    pub(super) fn blob(&self, desk: &Desk, digest: Digest, is_manifest: bool) -> Result<PathBuf, OriginError> {
        let authorization = self.token.iter().map(|token| ("Authorization", format!("Bearer {token}")));
        let accept = is_manifest.then(|| ("Accept", MANIFESTS.to_owned()));
        let headers: Vec<_> = authorization.chain(accept).collect();
        let kind = if is_manifest { "manifests" } else { "blobs" };
        desk.download_with(&format!("{}/{kind}/sha256:{digest}", self.base), &headers, Some(digest))
    }
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback())
}

/// Asks for the right to read that everybody has:
/// <https://distribution.github.io/distribution/spec/auth/token/>.
fn token(fetcher: &Fetcher, challenge: &str, repository: &RelPath) -> Result<String, OriginError> {
    let unknown = || {
        OriginError::reason(format!(
            "it wants to know who asks ({challenge}); log in and copy it: skopeo copy docker://IMAGE oci:FOLDER"
        ))
    };
    let field = |name: &str| {
        let after = challenge.split_once(&format!("{name}=\""))?.1;
        after.split_once('"').map(|(value, _)| value)
    };
    let realm = field("realm").filter(|realm| challenge.starts_with("Bearer ") && realm.starts_with("https://"));
    let service = field("service").map(|service| format!("service={service}&")).unwrap_or_default();
    let url = format!("{}?{service}scope=repository:{repository}:pull", realm.ok_or_else(unknown)?);
    let answer = fetcher.http.json(&url, None, &fetcher.cancel)?;
    let token = answer.get("token").or_else(|| answer.get("access_token")).and_then(|token| token.as_str());
    token.map(str::to_owned).ok_or_else(unknown)
}
