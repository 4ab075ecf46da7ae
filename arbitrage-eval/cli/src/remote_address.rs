//! Addresses of models behind servers.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use arbitrage_models::chat::ChatTemplate;
use arbitrage_models::remote::{Client, Dialect, Endpoint, OpenAiModel, OpenAiScorer, Prompting, ScoreKind};
use arbitrage_models::tokenizer::Tokenizer;
use arbitrage_models::{Layout, ModelFiles};

use crate::Failure;
use crate::model_path::resolve;

/// Maximum number of requests in flight to one server. The engine's own number of problems in flight is the effective limit.
const MAX_REQUESTS_IN_FLIGHT: usize = 1024;

/// A model behind a server: `DIALECT:URL#MODEL`, such as `vllm:http://localhost:8000#Qwen/Qwen2.5-7B-Instruct`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    dialect: &'static str,
    url: String,
    model: String,
}

impl Address {
    /// Reads the address; `None` where the text is the name or path of a model on this machine.
    pub(crate) fn parse(text: &str) -> Option<Result<Self, String>> {
        let (dialect, rest) = text.split_once(':')?;
        (rest.starts_with("http://") || rest.starts_with("https://")).then(|| Self::from_parts(dialect, rest))
    }

    fn from_parts(dialect: &str, rest: &str) -> Result<Self, String> {
        let names = || Dialect::ALL.map(|dialect| dialect.name).join(", ");
        let known = Dialect::named(dialect).ok_or_else(|| format!("expected one of {}, found `{dialect}`", names()))?;
        match rest.split_once('#') {
            Some((url, model)) if !model.is_empty() => {
                Ok(Self { dialect: known.name, url: url.to_owned(), model: model.to_owned() })
            }
            _ => Err("expected #MODEL at the end, with the model's name on the server".to_owned()),
        }
    }

    /// A client of the server, with the API key in the environment's variable if that is set.
    fn client(&self, variable: &str) -> Result<Client, Failure> {
        let dialect = Dialect::named(self.dialect).ok_or("the dialect is unknown")?;
        let endpoint = Endpoint::new(&self.url, dialect)?.with_in_flight(MAX_REQUESTS_IN_FLIGHT)?;
        let has_key = std::env::var_os(variable).is_some();
        Ok(Client::new(if has_key { endpoint.with_key_from(variable)? } else { endpoint })?)
    }

    /// The model. Its prompts are rendered here with a template, or else by the server's chat route. A draft returns log-probabilities
    /// if the server has them, since some routers decide by them.
    pub(crate) fn model(&self, role: &str, template: Option<&Path>) -> Result<OpenAiModel, Failure> {
        let tokenizer = template.map(self::tokenizer).transpose()?;
        let prompting = match &tokenizer {
            Some(tokenizer) => Prompting::template(ChatTemplate::for_tokenizer(tokenizer)?),
            None => Prompting::Chat,
        };
        let model = OpenAiModel::new(self.client(&key_variable(role))?, &self.model, prompting);
        let model = model.map_err(|error| format!("{self}: {error}; render prompts here with --{role}-template"))?;
        let model = match tokenizer {
            Some(tokenizer) => model.with_tokenizer(Arc::new(tokenizer)),
            None => model,
        };
        Ok(model.clone().with_logprobs(role == "draft").unwrap_or(model))
    }

    /// The model as a scorer of steps.
    pub(crate) fn scorer(&self, layout: Layout) -> Result<OpenAiScorer, Failure> {
        Ok(OpenAiScorer::new(self.client(&key_variable("scorer"))?, &self.model, layout, ScoreKind::Pooling)?)
    }
}

/// The environment's variable with the API key of a role.
fn key_variable(role: &str) -> String {
    format!("ARBITRAGE_{}_KEY", role.to_uppercase())
}

/// The tokenizer, with its chat template, of a Hugging Face folder, a GGUF file, or a model by name.
fn tokenizer(path: &Path) -> Result<Tokenizer, Failure> {
    if path.is_dir() {
        return Ok(Tokenizer::from_folder(path)?);
    }
    let name = path.to_str().ok_or_else(|| format!("{}: the path is not UTF-8", path.display()))?;
    Ok(ModelFiles::open(resolve(name)?)?.tokenizer)
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).unwrap_or_else(|| Err(format!("expected DIALECT:URL#MODEL, found `{text}`")))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}#{}", self.dialect, self.url, self.model)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_distinguished_from_names() {
        let address = "vllm:http://localhost:8000#Qwen/Qwen2.5-7B-Instruct";
        assert_eq!(address.parse::<Address>().unwrap().to_string(), address);
        for name in ["qwen2.5-coder-0.5b-instruct", "hf:owner/repo:file.gguf", "a folder", "C:\\models\\a.gguf"] {
            assert_eq!(Address::parse(name), None, "{name}");
        }
        for (text, part) in [
            ("vlm:http://localhost#m", "vllm, sglang"),
            ("vllm:http://localhost", "#MODEL"),
            ("vllm:http://localhost#", "#MODEL"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_chat_route_that_cannot_continue_a_step_needs_a_template() {
        let address: Address = "openai:http://localhost:1#m".parse().unwrap();
        let error = address.model("draft", None).unwrap_err().to_string();
        assert!(error.contains("--draft-template") && error.contains(&address.to_string()), "{error}");
    }
}
