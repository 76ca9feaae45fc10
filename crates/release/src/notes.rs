//! The text of a release's page.

use std::{collections::BTreeMap, fmt::Write as _};

use rst_sign::Release;

use crate::{
    Origin,
    index::IndexRelease,
    record::{CHECKSUMS, PROVENANCE, Record, TRUST},
    tried::Tried,
};

/// By whom a release is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// The workflow.
    Workflow,
    /// The owner of a key.
    Key,
    /// Nobody.
    Nobody,
}

/// What the page tells.
pub struct Notes<'a> {
    /// The release.
    pub record: &'a Record,
    /// The one before it, with its name.
    pub before: Option<(String, &'a IndexRelease)>,
    /// Upstream's page of releases.
    pub upstream: Option<&'a str>,
    /// What we change in each part: names of patches.
    pub patches: BTreeMap<String, Vec<String>>,
    /// Who has signed it.
    pub signed: Signed,
    /// How trials of its archives ended.
    pub tried: &'a Tried,
    /// From where it is.
    pub origin: &'a Origin,
    /// Who releases.
    pub release: &'a Release,
}

impl Notes<'_> {
    /// As Markdown.
    pub fn text(&self) -> String {
        let Record { tag, commit, .. } = self.record;
        let mut text = String::new();
        let mut line = |line: String| text.push_str(&(line + "\n"));
        if self.signed == Signed::Nobody {
            line("> **This release is not signed.** Nothing says who made it.\n".to_owned());
        }
        line(format!("{} {} as static programs for linux/amd64 and linux/arm64.\n", tag.tool, tag.version));
        if let Some(upstream) = self.upstream {
            line(format!("Upstream's changes: {}/tag/v{}", upstream.trim_end_matches('/'), tag.version));
        }
        let repository = &self.origin.repository;
        match &self.before {
            Some((before, _)) => line(format!("Ours: {repository}/compare/{before}...{tag}\n")),
            None => line(format!("Built from {repository}/tree/{commit}\n")),
        }
        text.push_str(&self.patches());
        text.push_str(&self.archives());
        text.push_str(&self.parts());
        text.push_str(&self.tried.text());
        text.push_str(&self.verifying());
        text
    }

    fn patches(&self) -> String {
        if self.patches.is_empty() {
            return String::new();
        }
        let folder = format!("{}/tree/{}/build/patches", self.origin.repository, self.record.commit);
        let mut text = "Our patches, each of which says why and until when:\n\n".to_owned();
        for (part, names) in &self.patches {
            writeln!(text, "- [{part}]({folder}/{part}): {}", names.join(", ")).expect("memory");
        }
        text + "\n"
    }

    fn archives(&self) -> String {
        let mut text = "| archive | size | SHA-256 |\n|---|---|---|\n".to_owned();
        for (name, archive) in &self.record.archives {
            let size = archive.file.size as f64 / 1e6;
            writeln!(text, "| {name} | {size:.2} MB | `{}` |", archive.file.sha256).expect("memory");
        }
        text + "\n"
    }

    fn parts(&self) -> String {
        let old = self.before.as_ref().map(|(_, before)| &before.parts);
        let mut text = "| part | before | now |\n|---|---|---|\n".to_owned();
        for (name, version) in &self.record.parts {
            let was = old.and_then(|old| old.get(name));
            let was = match was {
                Some(was) if was == version => "the same".to_owned(),
                Some(was) => format!("**{was}**"),
                None => "–".to_owned(),
            };
            writeln!(text, "| {name} | {was} | {version} |").expect("memory");
        }
        let gone = old.into_iter().flatten().filter(|(name, _)| !self.record.parts.contains_key(*name));
        for (name, was) in gone {
            writeln!(text, "| {name} | **{was}** | – |").expect("memory");
        }
        text + "\n"
    }

    fn verifying(&self) -> String {
        let archive = self.record.archives.keys().find(|name| name.ends_with(".tar.zst"));
        let file = archive.map_or("FILE", String::as_str);
        let whole = format!("sha256sum --ignore-missing -c {CHECKSUMS}");
        let (issuer, workflow) = (&self.release.issuer, self.release.workflow_uri());
        let reference = &self.origin.reference;
        match self.signed {
            Signed::Nobody => format!("Whether a download is whole: `{whole}`\n"),
            Signed::Key => format!(
                "Whether a download is whole, and who made it, by the public key that its maker has published \
                 elsewhere:\n\n```\n{whole}\nrst verify {file} --key MAKER.pub\n```\n"
            ),
            Signed::Workflow => format!(
                "Whether a download is whole, and who made it:\n\n```\n{whole}\n\
                 rst verify {file} --provenance {PROVENANCE}.sigstore.json\n\
                 cosign verify-blob --bundle {file}.sigstore.json --new-bundle-format \
                 --trusted-root {TRUST} --use-signed-timestamps --certificate-oidc-issuer {issuer} \
                 --certificate-identity {workflow}@{reference} {file}\n```\n"
            ),
        }
    }
}
