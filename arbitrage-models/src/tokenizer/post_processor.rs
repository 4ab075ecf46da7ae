//! What the post-processor of a `tokenizer.json` adds to the tokens of a text.

use arbitrage_core::text::excerpt;
use serde_json::Value;

/// A token that is put before every text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeadingToken {
    pub text: String,
    /// Its id, where the description has it.
    pub id: Option<u32>,
}

/// The token before a text, if any. Descriptions that add other tokens are refused: a prompt that ends with an end token, for
/// instance, cannot be continued.
pub(super) fn leading_token(description: &Value) -> Result<Option<LeadingToken>, String> {
    match description.get("type").and_then(Value::as_str) {
        // It changes offsets alone.
        Some("ByteLevel") => Ok(None),
        Some("TemplateProcessing") => of_template(description),
        Some("Sequence") => {
            let steps = description["processors"].as_array().map(Vec::as_slice).unwrap_or_default();
            let tokens = steps.iter().map(leading_token).collect::<Result<Vec<_>, _>>()?;
            let mut tokens = tokens.into_iter().flatten();
            match (tokens.next(), tokens.next()) {
                (first, None) => Ok(first),
                (_, Some(second)) => Err(refusal("one token before a text at most", &second.text)),
            }
        }
        None if description.is_null() => Ok(None),
        kind => Err(refusal("a TemplateProcessing, a ByteLevel or a Sequence of them", kind.unwrap_or("no type"))),
    }
}

fn of_template(description: &Value) -> Result<Option<LeadingToken>, String> {
    let single = description["single"].as_array().ok_or_else(|| refusal("a list under /single", "none"))?;
    let texts: Vec<Option<&str>> = single.iter().map(|piece| piece["SpecialToken"]["id"].as_str()).collect();
    match texts.as_slice() {
        [None] => Ok(None),
        [Some(text), None] => {
            let ids = &description["special_tokens"][text]["ids"];
            let id = match ids.as_array().map(Vec::as_slice) {
                None => None,
                Some([id]) => id.as_u64().and_then(|id| u32::try_from(id).ok()),
                Some(_) => return Err(refusal("one id for each special token", &ids.to_string())),
            };
            Ok(Some(LeadingToken { text: (*text).to_owned(), id }))
        }
        others => {
            let names: Vec<&str> = others.iter().map(|text| text.unwrap_or("the text")).collect();
            Err(refusal("the text, after one special token at most", &names.join(", ")))
        }
    }
}

fn refusal(expected: &str, found: &str) -> String {
    format!("/post_processor: expected {expected}, found {}", excerpt(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(single: Value) -> Value {
        json!({"type": "TemplateProcessing", "single": single,
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1]}, "</s>": {"id": "</s>", "ids": [2]}}})
    }

    #[test]
    fn one_token_before_the_text_is_followed_and_others_are_refused() {
        let (bos, eos) = (json!({"SpecialToken": {"id": "<s>"}}), json!({"SpecialToken": {"id": "</s>"}}));
        let text = json!({"Sequence": {"id": "A"}});
        let leading = Some(LeadingToken { text: "<s>".to_owned(), id: Some(1) });
        assert_eq!(leading_token(&Value::Null), Ok(None));
        assert_eq!(leading_token(&template(json!([text]))), Ok(None));
        assert_eq!(leading_token(&template(json!([bos, text]))), Ok(leading.clone()));
        let byte_level = json!({"type": "ByteLevel", "trim_offsets": true});
        let steps = |steps: Vec<Value>| json!({"type": "Sequence", "processors": steps});
        assert_eq!(leading_token(&steps(vec![byte_level, template(json!([bos, text]))])), Ok(leading));
        for (refused, part) in [
            (template(json!([bos, text, eos])), "<s>, the text, </s>"),
            (template(json!([text, eos])), "the text, </s>"),
            (json!({"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]}), "RobertaProcessing"),
            (json!({"type": "BertProcessing"}), "BertProcessing"),
            (steps(vec![template(json!([bos, text])), template(json!([bos, text]))]), "at most, found <s>"),
        ] {
            let reason = leading_token(&refused).unwrap_err();
            assert!(reason.starts_with("/post_processor: ") && reason.contains(part), "{reason}");
        }
    }
}
