//! What a static pod's manifest says: the flags of its program, which of them several times, and where its files lie on the host.
//! Start at [`Pod::parse`]. [`crate::manifest::Flags`] is what a recovery needs of the same file.

use serde_json::Value;

/// A static pod's manifest.
pub(super) struct Pod(Value);

impl Pod {
    /// Reads it; nothing if it is none.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let pod: Value = serde_saphyr::from_str(std::str::from_utf8(text).ok()?).ok()?;
        pod["spec"]["containers"][0].is_object().then_some(Self(pod))
    }

    /// All values of a flag, named without its dashes.
    pub(super) fn flags(&self, name: &str) -> Vec<&str> {
        let container = &self.0["spec"]["containers"][0];
        let words = ["command", "args"].into_iter().filter_map(|key| container[key].as_array());
        let words = words.flatten().filter_map(Value::as_str);
        words
            .filter_map(|word| word.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
            .collect()
    }

    /// The value of a flag that counts, which is the last one.
    pub(super) fn flag(&self, name: &str) -> Option<&str> {
        self.flags(name).pop()
    }

    /// Where a file that the program sees lies on its host.
    pub(super) fn on_host(&self, path: &str) -> String {
        let list = |it: &Value| it.as_array().cloned().unwrap_or_default();
        let mounts = list(&self.0["spec"]["containers"][0]["volumeMounts"]);
        let volumes = list(&self.0["spec"]["volumes"]);
        let mounted = mounts.iter().filter_map(|mount| {
            let rest = path.strip_prefix(mount["mountPath"].as_str()?)?;
            let volume = volumes.iter().find(|it| it["name"] == mount["name"])?;
            let inside = rest.is_empty() || rest.starts_with('/');
            inside.then(|| (rest.len(), format!("{}{rest}", volume["hostPath"]["path"].as_str().unwrap_or_default())))
        });
        // Of mounts within mounts, the innermost counts.
        let innermost = mounted.min_by_key(|(rest, _)| *rest);
        innermost.map_or_else(|| path.to_owned(), |(_, path)| path)
    }

    /// The version that the image's tag tells, as in `v1.36.3`.
    pub(super) fn version(&self) -> Option<&str> {
        let image = self.0["spec"]["containers"][0]["image"].as_str()?;
        let (_, tag) = image.split('@').next()?.rsplit_once(':')?;
        (tag.starts_with('v') && !tag.contains('/')).then_some(tag)
    }
}
