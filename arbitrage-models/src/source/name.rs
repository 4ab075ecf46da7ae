//! What a user may write for a model.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::hub_model::{HUB_PREFIX, HubModel};
use super::registry::find;
use super::{ModelSource, SourceSettings, wrong_name};
use crate::error::{Error, Result};

/// The model that `name` means, where `settings` say where the user's own list is.
pub(super) fn parse(name: &str, settings: Option<&SourceSettings>) -> Result<ModelSource> {
    let is_path = name.contains(['/', '\\', ':']) || name.to_lowercase().ends_with(".gguf");
    let listed = match settings {
        Some(settings) if !is_path => settings.user_models()?,
        _ => Vec::new(),
    };
    if let Some(model) = find(name) {
        return Ok(ModelSource::Known(model));
    }
    if let Some(model) = listed.iter().find(|model| model.name == name) {
        return Ok(ModelSource::Hub(model.hub.clone()));
    }
    if let Some((prefix, rest)) = name.split_at_checked(HUB_PREFIX.len())
        && prefix.eq_ignore_ascii_case(HUB_PREFIX)
    {
        return HubModel::parse(rest).map(ModelSource::Hub).ok_or_else(|| wrong_name::hub(name, rest));
    }
    if name.contains("://") {
        return Err(wrong_name::url(name));
    }
    let path = Path::new(name);
    match std::fs::metadata(path) {
        Ok(_) => Ok(ModelSource::Path(PathBuf::from(name))),
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {
            let listed: Vec<&str> = listed.iter().map(|model| model.name.as_str()).collect();
            Err(wrong_name::not_found(name, &listed))
        }
        Err(error) => Err(Error::io(path, error)),
    }
}

#[cfg(test)]
mod tests {
    use crate::source::{HubPart, ModelSource};
    use crate::{Error, Result};

    fn parse(name: &str) -> Result<ModelSource> {
        super::parse(name, None)
    }

    #[test]
    fn names_paths_and_models_on_the_hub_are_told_apart() {
        let known = parse("smollm2-135m-instruct").unwrap();
        assert!(matches!(known, ModelSource::Known(model) if model.bytes == 98_362_432));
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(parse(folder.path().to_str().unwrap()).unwrap(), ModelSource::Path(folder.path().to_owned()));
        for (name, part) in [
            ("hf:Qwen/Q-GGUF:q4/m-00.gguf", HubPart::File("q4/m-00.gguf".to_owned())),
            ("HF:Qwen/Q-GGUF:Q4_K_M", HubPart::Quantisation("Q4_K_M".to_owned())),
            ("hf:Qwen/Q-GGUF", HubPart::Repository),
        ] {
            let ModelSource::Hub(model) = parse(name).unwrap() else { panic!("{name} is not on the hub") };
            assert_eq!((model.repository(), model.part()), ("Qwen/Q-GGUF", &part));
        }
    }

    #[test]
    fn an_unknown_name_gets_the_known_ones_and_the_nearest() {
        for (written, nearest) in
            [("qwen2.5-coder-0.5b", "qwen2.5-coder-0.5b-instruct"), ("SmolLM", "smollm2-135m-instruct")]
        {
            let message = parse(written).unwrap_err().to_string();
            assert!(message.contains("qwen2.5-coder-1.5b-instruct"), "{message}");
            assert!(message.contains(&format!("did you mean `{nearest}`?")), "{message}");
        }
        parse("").unwrap_err();
    }

    /// Each name with the part of the message that gives the right form.
    fn check(table: &[(&str, &str)]) {
        for (name, expected) in table {
            let message = parse(name).unwrap_err().to_string();
            assert!(message.contains(expected) && !message.contains('\n'), "{name}: {message}");
        }
    }

    #[test]
    fn addresses_on_the_hub_get_the_form_that_is_read() {
        let page = "https://huggingface.co/Qwen/Q-GGUF";
        check(&[
            (page, "expected `hf:Qwen/Q-GGUF`, found the URL"),
            (&format!("{page}/resolve/main/q-q4_k_m.gguf?download=true"), "expected `hf:Qwen/Q-GGUF:q-q4_k_m.gguf`"),
            (&format!("{page}/blob/main/sub/q.gguf"), "expected `hf:Qwen/Q-GGUF:sub/q.gguf`"),
            (&format!("{page}/tree/main"), "`hf:Qwen/Q-GGUF`"),
            (&format!("{page}/tree/v2"), "`hf:Qwen/Q-GGUF@v2`"),
            (&format!("{page}/resolve/v2/q.gguf"), "`hf:Qwen/Q-GGUF@v2:q.gguf`"),
            (&format!("{page}/blob/main/model.safetensors"), "`hf:Qwen/Q-GGUF`, the whole folder"),
            ("http://hf.co/a/b", "`hf:a/b`"),
            ("https://example.org/m.gguf", "download"),
            ("file:///tmp/m.gguf", "expected the path `/tmp/m.gguf`"),
        ]);
    }

    #[test]
    fn incomplete_names_on_the_hub_say_what_is_missing() {
        check(&[
            ("hf:", "hf:OWNER/REPO"),
            ("hf:Qwen", "hf:OWNER/REPO"),
            ("hf:Qwen/Q-GGUF:", "`hf:Qwen/Q-GGUF`, or `hf:Qwen/Q-GGUF:Q4_K_M` with a label"),
            ("hf:Qwen/Q-GGUF:", "https://huggingface.co/Qwen/Q-GGUF/tree/main"),
            ("hf:Qwen/Q-GGUF@:Q4_K_M", "a revision after `@`"),
            ("hf:Qwen/Q-GGUF@../x:Q4_K_M", "a revision after `@`"),
            ("hf:Qwen/Q-GGUF:q.gguf/", "`hf:Qwen/Q-GGUF:q.gguf`"),
            ("hf:Qwen/Q-GGUF@v1:model", "`hf:Qwen/Q-GGUF@v1:model.gguf`"),
            ("hf:Qwen/Q-GGUF:model.safetensors", "`hf:Qwen/Q-GGUF`, the whole folder"),
            ("hf:Qwen/Q-GGUF/q.gguf", "expected `hf:Qwen/Q-GGUF:q.gguf`"),
            ("hf://Qwen/Q-GGUF/q.gguf", "expected `hf:Qwen/Q-GGUF:q.gguf`"),
            ("hf:https://huggingface.co/a/b/blob/main/q.gguf", "`hf:a/b:q.gguf`"),
        ]);
        assert!(matches!(parse("HF:a/b:q.gguf"), Ok(ModelSource::Hub(_))));
    }

    #[test]
    fn what_looks_like_a_repository_gets_its_name_on_the_hub() {
        check(&[
            ("Qwen/Q-GGUF", "no such file or folder; for a repository on the hub, write `hf:Qwen/Q-GGUF`"),
            ("Qwen/Q-GGUF:Q4_K_M", "`hf:Qwen/Q-GGUF:Q4_K_M`"),
            ("Qwen/Q-GGUF@v1:Q4_K_M", "`hf:Qwen/Q-GGUF@v1:Q4_K_M`"),
            ("Qwen/Q-GGUF:q.gguf", "`hf:Qwen/Q-GGUF:q.gguf`"),
            ("Qwen/Q-GGUF/q.gguf", "`hf:Qwen/Q-GGUF:q.gguf`"),
        ]);
    }

    #[test]
    fn a_missing_path_gets_the_nearest_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        for name in ["Qwen-0.5B-q4_k_m.gguf", "notes.txt"] {
            std::fs::write(path(name), "").unwrap();
        }
        std::fs::create_dir_all(path("models/llama")).unwrap();
        let mean = |name: &str| format!("did you mean `{}`?", path(name));
        check(&[
            (&path("qwen-0.5b-Q4_K_M.gguf"), &mean("Qwen-0.5B-q4_k_m.gguf")),
            (&path("Qwen-0.5B-q4_k_m"), &mean("Qwen-0.5B-q4_k_m.gguf")),
            (&path("Qwen-0.5B-q5_k_m.gguf"), &mean("Qwen-0.5B-q4_k_m.gguf")),
            (&path("Qwen-0.5B-q4_k_m.gguf/"), &mean("Qwen-0.5B-q4_k_m.gguf")),
            (&path("model/llama"), &mean("models/llama")),
            (&path("zzz"), "its folder holds `Qwen-0.5B-q4_k_m.gguf`, `models`"),
            (&path("zzz/yyy/x.gguf"), &format!("there is no `{}`", path("zzz"))),
            ("~/absent-arbitrage-folder/m.gguf", "the shell replaces `~` only where it is not quoted"),
        ]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("m.gguf");
        std::os::unix::fs::symlink("gone.gguf", &link).unwrap();
        check(&[(link.to_str().unwrap(), "a symbolic link to `gone.gguf`, which does not exist")]);
    }

    #[test]
    fn a_missing_path_is_reported_as_a_path() {
        for path in ["absent.gguf", "absent/folder"] {
            assert!(matches!(parse(path), Err(Error::Io { .. })), "{path}");
        }
    }

    #[test]
    fn hub_names_cannot_leave_their_repository() {
        for name in [
            "hf:",
            "hf:owner/repo/",
            "hf:owner/repo@../main",
            "hf:owner/repo@a/../../b:Q4_0",
            "hf:owner/repo@%2e%2e",
            "hf:owner/repo:../Q4_0",
            "hf:owner:f.gguf",
            "hf:a/b/c:f.gguf",
            "hf:owner/repo:",
            "hf:owner/repo:../f.gguf",
            "hf:owner/repo:a/../../f.gguf",
            "hf:owner/repo:/etc/f.gguf",
            "hf:owner/repo:a//f.gguf",
            "hf:../repo:f.gguf",
            "hf:owner/..:f.gguf",
            r"hf:owner/repo:..\f.gguf",
            "hf:owner/repo:C:f.gguf",
            "hf:owner/repo:f.gguf?x=.gguf",
            "hf:owner/repo:%2e%2e/f.gguf",
            "hf:owner/repo:.hidden.gguf",
            "hf:owner/repo:f.bin",
            "hf:owner/repo:f\0.gguf",
        ] {
            assert!(matches!(parse(name), Err(Error::Parameter { .. })), "{name}");
        }
    }
}
