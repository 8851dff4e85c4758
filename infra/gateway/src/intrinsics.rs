//! Evaluates the intrinsic functions of templates: `Ref`, `Fn::Sub`, `Fn::GetAtt`, `Fn::If`, `Fn::Select`, `Fn::Split`, and those
//! of conditions.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::{
    aws_names::{self, ACCOUNT_ID, API_ID, PARTITION, REGION, URL_SUFFIX},
    parameters, scalar,
    template_error::{TemplateError, child},
};

/// The values of all names in a template.
pub(crate) struct Resolver {
    parameters: HashMap<String, Value>,
    conditions: HashMap<String, bool>,
    resources: HashMap<String, Resource>,
}

struct Resource {
    /// The name of the resource in AWS.
    physical_name: String,
    /// The value of `Ref`.
    reference: String,
    attributes: Attributes,
}

enum Attributes {
    Known(Vec<(&'static str, String)>),
    /// The gateway does not emulate the resource, so it does not use its attributes either. Their values are placeholders.
    Any,
}

impl Resolver {
    /// Reads the parameters, conditions and resources that `template` declares for the stack `stack`. Parameters that
    /// are not in `given` have their default value.
    pub(crate) fn new(
        template: &Value,
        stack: &str,
        given: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let parameters = parameters::values(template, given)?;
        let mut resolver = Self { parameters, conditions: HashMap::new(), resources: HashMap::new() };
        for (name, value) in [
            ("AWS::AccountId", ACCOUNT_ID),
            ("AWS::Partition", PARTITION),
            ("AWS::Region", REGION),
            ("AWS::StackName", stack),
            ("AWS::URLSuffix", URL_SUFFIX),
        ] {
            resolver.parameters.insert(name.to_owned(), value.into());
        }
        resolver.parameters.insert("AWS::NoValue".to_owned(), Value::Null);

        for (name, condition) in entries(template, "Conditions") {
            let value = resolver.evaluate(&child("Conditions", name), condition)?;
            resolver.conditions.insert(name.clone(), value);
        }
        let alias = template["Globals"]["Function"]["AutoPublishAlias"].as_str();
        for (name, resource) in entries(template, "Resources") {
            // CloudFormation rejects a reference to a resource that the stack does not contain.
            if resolver.exists(&child("Resources", name), resource)? {
                resolver.resources.insert(name.clone(), Resource::new(name, resource, stack, alias)?);
            }
        }
        Ok(resolver)
    }

    /// Returns the name in AWS of the resource `logical_id`, which must exist.
    pub(crate) fn physical_name(&self, logical_id: &str) -> &str {
        &self.resources[logical_id].physical_name
    }

    /// Returns true if the stack contains the resource or output at `location`: if it has no `Condition`, or its condition is
    /// true.
    pub(crate) fn exists(&self, location: &str, resource: &Value) -> Result<bool, TemplateError> {
        resource.get("Condition").map_or(Ok(true), |name| self.condition(location, name))
    }

    /// Evaluates all intrinsic functions in `value`, which is at `location`.
    pub(crate) fn resolve(&self, location: &str, value: Value) -> Result<Value, TemplateError> {
        match value {
            Value::Object(object) => match only_entry(&object) {
                Some(("Ref", argument)) => self.reference(location, expect_text(location, argument)?),
                Some(("Fn::GetAtt", argument)) => self.fn_get_att(location, argument),
                Some(("Fn::Sub", argument)) => self.fn_sub(location, argument),
                Some(("Fn::If", argument)) => self.fn_if(location, argument),
                Some(("Fn::Select", argument)) => self.fn_select(location, argument),
                Some(("Fn::Split", argument)) => self.fn_split(location, argument),
                Some((function, _)) if function.starts_with("Fn::") => {
                    Err(TemplateError::new(location, format!("`{function}` is not supported")))
                }
                _ => object
                    .into_iter()
                    .map(|(key, value)| {
                        let value = self.resolve(&child(location, &key), value)?;
                        Ok((key, value))
                    })
                    .collect::<Result<_, _>>()
                    .map(Value::Object),
            },
            Value::Array(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| self.resolve(&format!("{location}[{index}]"), item))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            scalar => Ok(scalar),
        }
    }

    fn reference(&self, location: &str, name: &str) -> Result<Value, TemplateError> {
        // SAM refers to the resources that it generates as `Api.Stage`.
        if let Some((name, generated)) = name.split_once('.') {
            return self.attribute(location, name, generated).map(Value::String);
        }
        let resource = || self.resources.get(name).map(|resource| resource.reference.clone().into());
        self.parameters
            .get(name)
            .cloned()
            .or_else(resource)
            .ok_or_else(|| TemplateError::new(location, format!("unknown reference `{name}`")))
    }

    fn attribute(&self, location: &str, name: &str, attribute: &str) -> Result<String, TemplateError> {
        match self.resources.get(name).map(|resource| &resource.attributes) {
            None => Err(TemplateError::new(location, format!("unknown reference `{name}`"))),
            Some(Attributes::Any) => Ok(format!("{name}.{attribute}")),
            Some(Attributes::Known(known)) => {
                known.iter().find(|(key, _)| *key == attribute).map(|(_, value)| value.clone()).ok_or_else(
                    || TemplateError::new(location, format!("unknown attribute `{name}.{attribute}`")),
                )
            }
        }
    }

    fn condition(&self, location: &str, name: &Value) -> Result<bool, TemplateError> {
        let name = expect_text(location, name)?;
        let value = self.conditions.get(name).copied();
        value.ok_or_else(|| TemplateError::new(location, format!("unknown condition `{name}`")))
    }

    /// Evaluates the definition of a condition, which is at `location`.
    fn evaluate(&self, location: &str, condition: &Value) -> Result<bool, TemplateError> {
        match condition.as_object().and_then(only_entry) {
            Some(("Fn::Equals", Value::Array(values))) if values.len() == 2 => {
                let [left, right] =
                    [&values[0], &values[1]].map(|value| self.resolve(location, value.clone()));
                let (left, right) = (left?, right?);
                // CloudFormation compares numbers as text, because each value that a user sets is text.
                Ok(scalar::text(&left)
                    .zip(scalar::text(&right))
                    .map_or(left == right, |(left, right)| left == right))
            }
            Some(("Fn::Not", Value::Array(conditions))) if conditions.len() == 1 => {
                Ok(!self.evaluate(location, &conditions[0])?)
            }
            Some(("Fn::And", Value::Array(conditions))) => conditions
                .iter()
                .try_fold(true, |all, condition| Ok(all & self.evaluate(location, condition)?)),
            _ => {
                Err(TemplateError::new(location, "only `Fn::Equals`, `Fn::Not` and `Fn::And` are supported"))
            }
        }
    }

    fn fn_if(&self, location: &str, argument: &Value) -> Result<Value, TemplateError> {
        match argument.as_array().map(Vec::as_slice) {
            Some([name, then, otherwise]) => {
                let value = if self.condition(location, name)? { then } else { otherwise };
                self.resolve(location, value.clone())
            }
            _ => Err(TemplateError::new(location, "`Fn::If` requires a condition and two values")),
        }
    }

    fn fn_select(&self, location: &str, argument: &Value) -> Result<Value, TemplateError> {
        let resolved = self.resolve(location, argument.clone())?;
        let selected = match resolved.as_array().map(Vec::as_slice) {
            Some([index, Value::Array(items)]) => {
                index.as_u64().and_then(|index| items.get(usize::try_from(index).ok()?))
            }
            _ => None,
        };
        let invalid =
            || TemplateError::new(location, "`Fn::Select` requires an index and a list that contains it");
        selected.cloned().ok_or_else(invalid)
    }

    fn fn_split(&self, location: &str, argument: &Value) -> Result<Value, TemplateError> {
        match self.resolve(location, argument.clone())?.as_array().map(Vec::as_slice) {
            Some([Value::String(delimiter), Value::String(text)]) => Ok(text.split(delimiter).collect()),
            _ => Err(TemplateError::new(location, "`Fn::Split` requires a delimiter and a string")),
        }
    }

    fn fn_get_att(&self, location: &str, argument: &Value) -> Result<Value, TemplateError> {
        let (name, attribute) = match argument {
            Value::Array(parts) if parts.len() == 2 => {
                (expect_text(location, &parts[0])?, expect_text(location, &parts[1])?)
            }
            argument => expect_text(location, argument)?
                .split_once('.')
                .ok_or_else(|| TemplateError::new(location, "`Fn::GetAtt` requires an attribute"))?,
        };
        self.attribute(location, name, attribute).map(Value::String)
    }

    fn fn_sub(&self, location: &str, argument: &Value) -> Result<Value, TemplateError> {
        let no_variables = Map::new();
        let (mut rest, variables) = match argument {
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(template), Value::Object(variables)] => (template.as_str(), variables),
                _ => return Err(TemplateError::new(location, "`Fn::Sub` requires a string and a map")),
            },
            argument => (expect_text(location, argument)?, &no_variables),
        };
        let mut result = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| TemplateError::new(location, "`Fn::Sub` contains an unclosed `${`"))?;
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str("${");
                result.push_str(literal);
                result.push('}');
                continue;
            }
            let value = match (variables.get(name), name.split_once('.')) {
                (Some(variable), _) => self.resolve(location, variable.clone())?,
                (None, Some((name, attribute))) => self.attribute(location, name, attribute)?.into(),
                (None, None) => self.reference(location, name)?,
            };
            let value = scalar::text(&value)
                .ok_or_else(|| TemplateError::new(location, format!("`{name}` is not a scalar")))?;
            result.push_str(&value);
        }
        result.push_str(rest);
        Ok(Value::String(result))
    }
}

impl Resource {
    /// `alias` is the alias of all functions that declare no other.
    fn new(
        logical_id: &str,
        resource: &Value,
        stack: &str,
        alias: Option<&str>,
    ) -> Result<Self, TemplateError> {
        let location = format!("Resources.{logical_id}");
        let missing = |field: &str| TemplateError::new(&location, format!("missing {field}"));
        let declared_name = |key: &str| match &resource["Properties"][key] {
            Value::Null => Ok(None),
            Value::String(name) => Ok(Some(name.as_str())),
            _ => Err(TemplateError::new(format!("{location}.Properties.{key}"), "must be plain text")),
        };
        let (physical_name, reference, attributes) =
            match resource["Type"].as_str().ok_or_else(|| missing("Type"))? {
                "AWS::DynamoDB::Table" => {
                    let generated = || format!("{stack}-{logical_id}");
                    let name = declared_name("TableName")?.map_or_else(generated, ToOwned::to_owned);
                    let arns =
                        [("Arn", aws_names::table_arn(&name)), ("StreamArn", aws_names::stream_arn(&name))];
                    (name.clone(), name, Attributes::Known(arns.into()))
                }
                "AWS::SecretsManager::Secret" => {
                    let name = declared_name("Name")?.unwrap_or(logical_id);
                    let arn = aws_names::secret_arn(name);
                    (name.to_owned(), arn.clone(), Attributes::Known(vec![("Id", arn)]))
                }
                "AWS::Serverless::Function" => {
                    let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
                    let name = binary.ok_or_else(|| missing("Metadata.BuildProperties.Binary"))?;
                    let mut attributes = vec![("Arn", aws_names::function_arn(name))];
                    let alias = declared_name("AutoPublishAlias")?.or(alias);
                    attributes.extend(alias.map(|alias| ("Alias", aws_names::alias_arn(name, alias))));
                    (name.to_owned(), name.to_owned(), Attributes::Known(attributes))
                }
                "AWS::Serverless::Api" => (API_ID.to_owned(), API_ID.to_owned(), Attributes::Any),
                _ => (logical_id.to_owned(), logical_id.to_owned(), Attributes::Any),
            };
        Ok(Self { physical_name, reference, attributes })
    }
}

fn entries<'a>(template: &'a Value, section: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    template.get(section).and_then(Value::as_object).into_iter().flatten()
}

/// Returns the entry of `object` if it has exactly one.
fn only_entry(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = object.iter();
    let (key, value) = entries.next()?;
    entries.next().is_none().then_some((key.as_str(), value))
}

fn expect_text<'a>(location: &str, value: &'a Value) -> Result<&'a str, TemplateError> {
    value.as_str().ok_or_else(|| TemplateError::new(location, "is not a string"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::aws_names::STACK_NAME;

    fn resolver() -> Resolver {
        let template = json!({
            "Parameters": {"Stage": {"Type": "String", "Default": "live"}, "Bare": {"Type": "String"}},
            "Conditions": {
                "IsLive": {"Fn::Equals": [{"Ref": "Stage"}, "live"]},
                "IsTest": {"Fn::And": [
                    {"Fn::Equals": ["a", "a"]}, {"Fn::Not": [{"Fn::Equals": [{"Ref": "Stage"}, "live"]}]},
                ]},
            },
            "Resources": {
                "Table": {"Type": "AWS::DynamoDB::Table"},
                "Named": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": "mine"}},
                "Pepper": {"Type": "AWS::SecretsManager::Secret"},
                "Api": {"Type": "AWS::Serverless::Api"},
                "LoginFunction": {
                    "Type": "AWS::Serverless::Function",
                    "Metadata": {"BuildProperties": {"Binary": "login"}},
                },
                "Topic": {"Type": "AWS::SNS::Topic"},
                "Absent": {"Type": "AWS::SNS::Topic", "Condition": "IsTest"},
            },
        });
        Resolver::new(&template, STACK_NAME, &BTreeMap::new()).unwrap()
    }

    fn resolve(value: Value) -> Result<Value, String> {
        resolver().resolve("here", value).map_err(|error| error.to_string())
    }

    #[test]
    fn ref_returns_the_value_of_cloudformation() {
        for (name, value) in [
            ("Stage", "live"),
            ("Table", "medtwin-auth-Table"),
            ("Named", "mine"),
            ("Pepper", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:Pepper-AbCdEf"),
            ("Api", API_ID),
            ("LoginFunction", "login"),
            ("AWS::Region", "eu-central-1"),
            ("Api.Stage", "Api.Stage"),
        ] {
            assert_eq!(resolve(json!({"Ref": name})), Ok(json!(value)), "{name}");
        }
    }

    #[test]
    fn alias_of_a_function_is_its_own_or_the_global_one() {
        let function = |alias: Value| {
            json!({
                "Type": "AWS::Serverless::Function",
                "Metadata": {"BuildProperties": {"Binary": "login"}},
                "Properties": {"AutoPublishAlias": alias},
            })
        };
        for (global, own, expected) in [
            (json!("live"), Value::Null, Ok("live")),
            (json!("live"), json!("own"), Ok("own")),
            (Value::Null, json!("own"), Ok("own")),
            (Value::Null, Value::Null, Err("here: unknown attribute `LoginFunction.Alias`")),
        ] {
            let template = json!({
                "Globals": {"Function": {"AutoPublishAlias": global}},
                "Resources": {"LoginFunction": function(own)},
            });
            let resolver = Resolver::new(&template, STACK_NAME, &BTreeMap::new()).unwrap();
            let alias = resolver.resolve("here", json!({"Ref": "LoginFunction.Alias"}));
            let arn =
                |alias| json!(format!("arn:aws:lambda:eu-central-1:123456789012:function:login:{alias}"));
            assert_eq!(alias.map_err(|error| error.to_string()), expected.map(arn).map_err(str::to_owned));
        }
    }

    #[test]
    fn get_att_supports_both_forms() {
        let arn = json!("arn:aws:lambda:eu-central-1:123456789012:function:login");
        assert_eq!(resolve(json!({"Fn::GetAtt": "LoginFunction.Arn"})), Ok(arn.clone()));
        assert_eq!(resolve(json!({"Fn::GetAtt": ["LoginFunction", "Arn"]})), Ok(arn));
        assert_eq!(resolve(json!({"Fn::GetAtt": "Topic.TopicArn"})), Ok(json!("Topic.TopicArn")));
    }

    #[test]
    fn sub_replaces_placeholders() {
        assert_eq!(
            resolve(json!({"Fn::Sub": "${Stage}/${Table.Arn}/${!Literal}/$"})),
            Ok(json!(
                "live/arn:aws:dynamodb:eu-central-1:123456789012:table/medtwin-auth-Table/${Literal}/$"
            ))
        );
        assert_eq!(
            resolve(json!({"Fn::Sub": ["${x}-${Stage}", {"x": {"Ref": "Api"}}]})),
            Ok(json!(format!("{API_ID}-live")))
        );
    }

    #[test]
    fn select_returns_an_item_of_a_list() {
        let name = json!({"Fn::Select": [1, {"Fn::Split": [":", {"Fn::Sub": "a:${Stage}:"}]}]});
        assert_eq!(resolve(name), Ok(json!("live")));
        assert_eq!(resolve(json!({"Fn::Select": [0, {"Fn::Split": [":", ""]}]})), Ok(json!("")));
    }

    #[test]
    fn conditions_select_values_and_resources() {
        let list = |name| json!([{"Fn::If": [name, {"Ref": "Table"}, {"Ref": "AWS::NoValue"}]}]);
        assert_eq!(resolve(list("IsLive")), Ok(json!(["medtwin-auth-Table"])));
        assert_eq!(resolve(list("IsTest")), Ok(json!([null])));
        let exists =
            |resource: Value| resolver().exists("here", &resource).map_err(|error| error.to_string());
        assert_eq!(exists(json!({})), Ok(true));
        assert_eq!(exists(json!({"Condition": "IsLive"})), Ok(true));
        assert_eq!(exists(json!({"Condition": "IsTest"})), Ok(false));
        assert_eq!(
            exists(json!({"Condition": "IsTset"})),
            Err("here: unknown condition `IsTset`".to_owned())
        );
    }

    #[test]
    fn number_equals_its_text() {
        let template = json!({
            "Parameters": {"Rate": {"Type": "Number", "Default": 5}},
            "Conditions": {"HasRate": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Rate"}, 0]}]}},
        });
        for (given, expected) in [(None, true), (Some("1"), true), (Some("0"), false)] {
            let given = given.map(|rate| ("Rate".to_owned(), rate.to_owned())).into_iter().collect();
            let resolver = Resolver::new(&template, STACK_NAME, &given).unwrap();
            let has_rate = resolver.exists("here", &json!({"Condition": "HasRate"}));
            assert_eq!(has_rate.map_err(|error| error.to_string()), Ok(expected), "{given:?}");
        }
    }

    #[test]
    fn unsupported_conditions_are_rejected() {
        for condition in [
            json!(true),
            json!({"Fn::Equals": ["a"]}),
            json!({"Fn::Not": []}),
            json!({"Fn::Or": [{"Fn::Equals": ["a", "a"]}]}),
            json!({"Condition": "Other"}),
            json!({"Fn::Not": [{"Condition": "Other"}]}),
        ] {
            let template = json!({"Conditions": {"Some": condition}});
            let message = Resolver::new(&template, STACK_NAME, &BTreeMap::new()).err().unwrap().to_string();
            assert!(message.starts_with("Conditions.Some: only `Fn::Equals`"), "{message}");
        }
    }

    #[test]
    fn errors_contain_their_location() {
        for (value, message) in [
            (json!({"Fn::If": ["IsTset", "a", "b"]}), "here: unknown condition `IsTset`"),
            (json!({"Fn::If": ["IsTest", "a"]}), "here: `Fn::If` requires a condition and two values"),
            (json!({"a": [{"Ref": "Tabel"}]}), "here.a[0]: unknown reference `Tabel`"),
            (json!({"Ref": "Tabel.Stage"}), "here: unknown reference `Tabel`"),
            (json!({"Ref": "Bare"}), "here: unknown reference `Bare`"),
            (json!({"Ref": "Absent"}), "here: unknown reference `Absent`"),
            (json!({"Fn::GetAtt": "Tabel.Arn"}), "here: unknown reference `Tabel`"),
            (json!({"Fn::GetAtt": "Table.Colour"}), "here: unknown attribute `Table.Colour`"),
            (json!({"Fn::Sub": "${Tabel}"}), "here: unknown reference `Tabel`"),
            (json!({"Fn::Sub": "${Table"}), "here: `Fn::Sub` contains an unclosed `${`"),
            (json!({"Fn::Join": ["a", []]}), "here: `Fn::Join` is not supported"),
            (
                json!({"Fn::Select": [1, ["a"]]}),
                "here: `Fn::Select` requires an index and a list that contains it",
            ),
            (json!({"Fn::Split": [":"]}), "here: `Fn::Split` requires a delimiter and a string"),
        ] {
            assert_eq!(resolve(value), Err(message.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn sub_returns_text_without_placeholders_unchanged(text in "[^$]*") {
            prop_assert_eq!(resolve(json!({"Fn::Sub": text.clone()})), Ok(json!(text)));
        }

        #[test]
        fn sub_never_panics(text in ".*") {
            let _ = resolve(json!({"Fn::Sub": text}));
        }
    }
}
