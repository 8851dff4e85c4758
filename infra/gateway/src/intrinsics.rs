//! The intrinsic functions of templates: `Ref`, `Fn::Sub`, `Fn::GetAtt`, `Fn::If`, and those of conditions.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::{
    aws_names::{self, ACCOUNT_ID, API_ID, PARTITION, REGION, URL_SUFFIX},
    parameters, scalar,
    template_error::{TemplateError, below},
};

/// What the names in a template stand for.
pub(crate) struct Names {
    parameters: HashMap<String, Value>,
    conditions: HashMap<String, bool>,
    resources: HashMap<String, Resource>,
}

/// How a resource is known to others.
struct Resource {
    /// What AWS calls it.
    name: String,
    /// What `Ref` gives for it.
    reference: String,
    attributes: Attributes,
}

enum Attributes {
    Known(Vec<(&'static str, String)>),
    /// The resource isn't emulated, so whoever reads its attributes isn't either.
    Any,
}

impl Names {
    /// Those that a template declares for the stack `stack`, and the pseudo parameters. Parameters that are not
    /// `given` have their default.
    pub(crate) fn of(
        template: &Value,
        stack: &str,
        given: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let parameters = parameters::values(template, given)?;
        let mut names = Self { parameters, conditions: HashMap::new(), resources: HashMap::new() };
        for (name, value) in [
            ("AWS::AccountId", ACCOUNT_ID),
            ("AWS::Partition", PARTITION),
            ("AWS::Region", REGION),
            ("AWS::StackName", stack),
            ("AWS::URLSuffix", URL_SUFFIX),
        ] {
            names.parameters.insert(name.to_owned(), value.into());
        }
        names.parameters.insert("AWS::NoValue".to_owned(), Value::Null);

        for (name, condition) in members(template, "Conditions") {
            let holds = names.holds(&below("Conditions", name), condition)?;
            names.conditions.insert(name.clone(), holds);
        }
        for (name, resource) in members(template, "Resources") {
            names.resources.insert(name.clone(), Resource::of(name, resource, stack)?);
        }
        Ok(names)
    }

    /// What AWS calls the resource that the template calls `logical_id`. It must be there.
    pub(crate) fn name(&self, logical_id: &str) -> &str {
        &self.resources[logical_id].name
    }

    /// Whether the stack has the resource or output at `place`: whether its `Condition` holds, if there is one.
    pub(crate) fn exists(&self, place: &str, resource: &Value) -> Result<bool, TemplateError> {
        resource.get("Condition").map_or(Ok(true), |name| self.condition(place, name))
    }

    /// `value` with all intrinsic functions worked out. `place` says where it stands.
    pub(crate) fn resolve(&self, place: &str, value: Value) -> Result<Value, TemplateError> {
        match value {
            Value::Object(object) => match single(&object) {
                Some(("Ref", argument)) => self.reference(place, text(place, argument)?),
                Some(("Fn::GetAtt", argument)) => self.get_att(place, argument),
                Some(("Fn::Sub", argument)) => self.sub(place, argument),
                Some(("Fn::If", argument)) => self.choose(place, argument),
                Some((function, _)) if function.starts_with("Fn::") => {
                    Err(TemplateError::new(place, format!("`{function}` is not supported")))
                }
                _ => object
                    .into_iter()
                    .map(|(key, value)| {
                        let value = self.resolve(&below(place, &key), value)?;
                        Ok((key, value))
                    })
                    .collect::<Result<_, _>>()
                    .map(Value::Object),
            },
            Value::Array(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| self.resolve(&format!("{place}[{index}]"), item))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            scalar => Ok(scalar),
        }
    }

    fn reference(&self, place: &str, name: &str) -> Result<Value, TemplateError> {
        // So SAM names what it makes of a resource, such as `Api.Stage`.
        if let Some((name, made)) = name.split_once('.') {
            return self.attribute(place, name, made).map(Value::String);
        }
        let resource = || self.resources.get(name).map(|resource| resource.reference.clone().into());
        self.parameters
            .get(name)
            .cloned()
            .or_else(resource)
            .ok_or_else(|| TemplateError::new(place, format!("unknown reference `{name}`")))
    }

    fn attribute(&self, place: &str, name: &str, attribute: &str) -> Result<String, TemplateError> {
        match self.resources.get(name).map(|resource| &resource.attributes) {
            None => Err(TemplateError::new(place, format!("unknown reference `{name}`"))),
            Some(Attributes::Any) => Ok(format!("{name}.{attribute}")),
            Some(Attributes::Known(known)) => {
                known.iter().find(|(key, _)| *key == attribute).map(|(_, value)| value.clone()).ok_or_else(
                    || TemplateError::new(place, format!("unknown attribute `{name}.{attribute}`")),
                )
            }
        }
    }

    fn condition(&self, place: &str, name: &Value) -> Result<bool, TemplateError> {
        let name = text(place, name)?;
        let holds = self.conditions.get(name).copied();
        holds.ok_or_else(|| TemplateError::new(place, format!("unknown condition `{name}`")))
    }

    /// Whether what `Conditions` says at `place` is true.
    fn holds(&self, place: &str, condition: &Value) -> Result<bool, TemplateError> {
        match condition.as_object().and_then(single) {
            Some(("Fn::Equals", Value::Array(sides))) if sides.len() == 2 => {
                Ok(self.resolve(place, sides[0].clone())? == self.resolve(place, sides[1].clone())?)
            }
            Some(("Fn::Not", Value::Array(conditions))) if conditions.len() == 1 => {
                Ok(!self.holds(place, &conditions[0])?)
            }
            Some(("Fn::And", Value::Array(conditions))) => {
                conditions.iter().try_fold(true, |all, condition| Ok(all & self.holds(place, condition)?))
            }
            _ => Err(TemplateError::new(place, "is not made of `Fn::Equals`, `Fn::Not` and `Fn::And`")),
        }
    }

    fn choose(&self, place: &str, argument: &Value) -> Result<Value, TemplateError> {
        match argument.as_array().map(Vec::as_slice) {
            Some([name, then, otherwise]) => {
                let chosen = if self.condition(place, name)? { then } else { otherwise };
                self.resolve(place, chosen.clone())
            }
            _ => Err(TemplateError::new(place, "`Fn::If` takes a condition and two values")),
        }
    }

    fn get_att(&self, place: &str, argument: &Value) -> Result<Value, TemplateError> {
        let (name, attribute) = match argument {
            Value::Array(parts) if parts.len() == 2 => (text(place, &parts[0])?, text(place, &parts[1])?),
            argument => text(place, argument)?
                .split_once('.')
                .ok_or_else(|| TemplateError::new(place, "`Fn::GetAtt` without an attribute"))?,
        };
        self.attribute(place, name, attribute).map(Value::String)
    }

    fn sub(&self, place: &str, argument: &Value) -> Result<Value, TemplateError> {
        let no_variables = Map::new();
        let (mut rest, variables) = match argument {
            Value::Array(parts) => match parts.as_slice() {
                [Value::String(template), Value::Object(variables)] => (template.as_str(), variables),
                _ => return Err(TemplateError::new(place, "`Fn::Sub` takes a string and a map")),
            },
            argument => (text(place, argument)?, &no_variables),
        };
        let mut result = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            result.push_str(before);
            let (name, after) = after
                .split_once('}')
                .ok_or_else(|| TemplateError::new(place, "`Fn::Sub` with an unclosed `${`"))?;
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str("${");
                result.push_str(literal);
                result.push('}');
                continue;
            }
            let value = match (variables.get(name), name.split_once('.')) {
                (Some(variable), _) => self.resolve(place, variable.clone())?,
                (None, Some((name, attribute))) => self.attribute(place, name, attribute)?.into(),
                (None, None) => self.reference(place, name)?,
            };
            let value = scalar::text(&value)
                .ok_or_else(|| TemplateError::new(place, format!("`{name}` is not a scalar")))?;
            result.push_str(&value);
        }
        result.push_str(rest);
        Ok(Value::String(result))
    }
}

impl Resource {
    /// The one that the template calls `logical_id`.
    fn of(logical_id: &str, resource: &Value, stack: &str) -> Result<Self, TemplateError> {
        let place = format!("Resources.{logical_id}");
        let missing = |what: &str| TemplateError::new(&place, format!("no {what}"));
        let given_name = |key: &str| match &resource["Properties"][key] {
            Value::Null => Ok(None),
            Value::String(name) => Ok(Some(name.as_str())),
            _ => Err(TemplateError::new(format!("{place}.Properties.{key}"), "must be plain text")),
        };
        let (name, reference, attributes) = match resource["Type"].as_str().ok_or_else(|| missing("Type"))? {
            "AWS::DynamoDB::Table" => {
                let generated = || format!("{stack}-{logical_id}");
                let name = given_name("TableName")?.map_or_else(generated, ToOwned::to_owned);
                let arn = aws_names::table_arn(&name);
                (name.clone(), name, Attributes::Known(vec![("Arn", arn)]))
            }
            "AWS::SecretsManager::Secret" => {
                let name = given_name("Name")?.unwrap_or(logical_id);
                let arn = aws_names::secret_arn(name);
                (name.to_owned(), arn.clone(), Attributes::Known(vec![("Id", arn)]))
            }
            "AWS::Serverless::Function" => {
                let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str();
                let name = binary.ok_or_else(|| missing("Metadata.BuildProperties.Binary"))?;
                let arn = aws_names::function_arn(name);
                (name.to_owned(), name.to_owned(), Attributes::Known(vec![("Arn", arn)]))
            }
            "AWS::Serverless::Api" => (API_ID.to_owned(), API_ID.to_owned(), Attributes::Any),
            _ => (logical_id.to_owned(), logical_id.to_owned(), Attributes::Any),
        };
        Ok(Self { name, reference, attributes })
    }
}

fn members<'a>(template: &'a Value, section: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    template.get(section).and_then(Value::as_object).into_iter().flatten()
}

fn single(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = object.iter();
    let (key, value) = entries.next()?;
    entries.next().is_none().then_some((key.as_str(), value))
}

fn text<'a>(place: &str, value: &'a Value) -> Result<&'a str, TemplateError> {
    value.as_str().ok_or_else(|| TemplateError::new(place, "a name is expected here"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::aws_names::STACK_NAME;

    fn names() -> Names {
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
            },
        });
        Names::of(&template, STACK_NAME, &BTreeMap::new()).unwrap()
    }

    fn resolve(value: Value) -> Result<Value, String> {
        names().resolve("here", value).map_err(|error| error.to_string())
    }

    #[test]
    fn references_stand_for_what_cloudformation_says() {
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
    fn attributes_in_both_forms() {
        let arn = json!("arn:aws:lambda:eu-central-1:123456789012:function:login");
        assert_eq!(resolve(json!({"Fn::GetAtt": "LoginFunction.Arn"})), Ok(arn.clone()));
        assert_eq!(resolve(json!({"Fn::GetAtt": ["LoginFunction", "Arn"]})), Ok(arn));
        assert_eq!(resolve(json!({"Fn::GetAtt": "Topic.TopicArn"})), Ok(json!("Topic.TopicArn")));
    }

    #[test]
    fn substitution() {
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
    fn conditions_choose() {
        let choice = |name| json!([{"Fn::If": [name, {"Ref": "Table"}, {"Ref": "AWS::NoValue"}]}]);
        assert_eq!(resolve(choice("IsLive")), Ok(json!(["medtwin-auth-Table"])));
        assert_eq!(resolve(choice("IsTest")), Ok(json!([null])));
        let exists = |resource: Value| names().exists("here", &resource).map_err(|error| error.to_string());
        assert_eq!(exists(json!({})), Ok(true));
        assert_eq!(exists(json!({"Condition": "IsLive"})), Ok(true));
        assert_eq!(exists(json!({"Condition": "IsTest"})), Ok(false));
        assert_eq!(
            exists(json!({"Condition": "IsTset"})),
            Err("here: unknown condition `IsTset`".to_owned())
        );
    }

    #[test]
    fn a_condition_that_is_not_understood_is_refused() {
        for condition in [
            json!(true),
            json!({"Fn::Equals": ["a"]}),
            json!({"Fn::Not": []}),
            json!({"Fn::Or": [{"Fn::Equals": ["a", "a"]}]}),
            json!({"Condition": "Other"}),
            json!({"Fn::Not": [{"Condition": "Other"}]}),
        ] {
            let template = json!({"Conditions": {"Some": condition}});
            let message = Names::of(&template, STACK_NAME, &BTreeMap::new()).err().unwrap().to_string();
            assert!(message.starts_with("Conditions.Some: is not made of "), "{message}");
        }
    }

    #[test]
    fn what_is_unknown_is_named_with_its_place() {
        for (value, message) in [
            (json!({"Fn::If": ["IsTset", "a", "b"]}), "here: unknown condition `IsTset`"),
            (json!({"Fn::If": ["IsTest", "a"]}), "here: `Fn::If` takes a condition and two values"),
            (json!({"a": [{"Ref": "Tabel"}]}), "here.a[0]: unknown reference `Tabel`"),
            (json!({"Ref": "Tabel.Stage"}), "here: unknown reference `Tabel`"),
            (json!({"Ref": "Bare"}), "here: unknown reference `Bare`"),
            (json!({"Fn::GetAtt": "Tabel.Arn"}), "here: unknown reference `Tabel`"),
            (json!({"Fn::GetAtt": "Table.Colour"}), "here: unknown attribute `Table.Colour`"),
            (json!({"Fn::Sub": "${Tabel}"}), "here: unknown reference `Tabel`"),
            (json!({"Fn::Sub": "${Table"}), "here: `Fn::Sub` with an unclosed `${`"),
            (json!({"Fn::Join": ["a", []]}), "here: `Fn::Join` is not supported"),
        ] {
            assert_eq!(resolve(value), Err(message.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn text_without_a_placeholder_stays(text in "[^$]*") {
            prop_assert_eq!(resolve(json!({"Fn::Sub": text.clone()})), Ok(json!(text)));
        }

        #[test]
        fn no_text_makes_substitution_panic(text in ".*") {
            let _ = resolve(json!({"Fn::Sub": text}));
        }
    }
}
