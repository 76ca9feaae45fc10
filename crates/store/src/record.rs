//! What an action left, kept under its key.

use std::io::Write as _;

use fs_err as fs;
use rst_model::Digest;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError, collect::used_now};

/// The result of an action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionResult {
    /// The tree, or for a step that makes a single file the blob, that it left.
    pub output: Digest,
    /// Wall time in seconds.
    pub seconds: f64,
    /// CPU time of all its processes, in seconds.
    pub cpu_seconds: f64,
    /// Whether it ran without the sandbox: then its key proves nothing.
    #[serde(default)]
    pub unsandboxed: bool,
}

impl Store {
    /// The result kept under a key, if its output is still here. A record that cannot be read is no
    /// record.
    pub fn result(&self, key: Digest) -> Option<ActionResult> {
        let text = fs::read(self.result_path(key)).ok()?;
        let result: ActionResult = serde_json::from_slice(&text).ok()?;
        let kept = self.has_tree(result.output) || self.has_blob(result.output);
        (kept && used_now(&self.result_path(key))).then_some(result)
    }

    /// Keeps a result.
    pub fn record(&self, key: Digest, result: &ActionResult) -> Result<(), StoreError> {
        let scratch = self.scratch()?;
        let part = scratch.path().join("result");
        let mut file = fs::File::create(&part)?;
        file.write_all(&serde_json::to_vec_pretty(result).expect("plain data"))?;
        file.sync_all()?;
        fs::rename(part, self.result_path(key))?;
        Ok(())
    }

    /// The value kept under a key, if it is still here.
    pub fn value<T: serde::de::DeserializeOwned>(&self, key: Digest) -> Option<T> {
        let blob = self.result(key)?.output;
        serde_json::from_slice(&fs::read(self.blob_path(blob)).ok()?).ok()
    }

    /// Keeps a value that took so many seconds to find, as a blob: what becomes of it would show.
    pub fn record_value(&self, key: Digest, value: &impl Serialize, seconds: f64) -> Result<(), StoreError> {
        let scratch = self.scratch()?;
        let part = scratch.path().join("value");
        fs::write(&part, serde_json::to_vec(value).expect("plain data"))?;
        let output = self.put_blob(&part)?;
        self.record(key, &ActionResult { output, seconds, cpu_seconds: seconds, unsandboxed: false })
    }

    fn result_path(&self, key: Digest) -> std::path::PathBuf {
        self.root().join("actions").join(format!("{key}.json"))
    }
}

/// What was last seen under a name, for people to be told about: it has no part in any result.
impl Store {
    /// Remembers a value.
    pub fn remember(&self, name: &str, value: &impl Serialize) -> Result<(), StoreError> {
        let scratch = self.scratch()?;
        let part = scratch.path().join("memory");
        fs::write(&part, serde_json::to_vec(value).expect("plain data"))?;
        fs::rename(part, self.memory_path(name))?;
        Ok(())
    }

    /// The value last remembered, if there is one that can be read.
    pub fn recall<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.memory_path(name)).ok()?).ok()
    }

    fn memory_path(&self, name: &str) -> std::path::PathBuf {
        self.root().join("memory").join(format!("{name}.json"))
    }
}
