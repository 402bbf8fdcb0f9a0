//! The estate file's JSON Schema, for editors. Start at [`json_schema`]; the types describe themselves, and here are those whose text
//! has a form of its own.

use super::{Estate, Placed, SecretRef, StoreUrl, WebhookUrl};
use crate::Name;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// The JSON Schema (draft 2020-12) of `lifeboat.yaml`, as text. Rules between values are not in it: [`Estate::parse`] has them all.
pub fn json_schema() -> String {
    let schema = SchemaGenerator::default().into_root_schema_for::<Estate>();
    format!("{:#}\n", schema.to_value())
}

impl<T: JsonSchema> JsonSchema for Placed<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A text of this form.
macro_rules! text {
    ($type:ty, $name:literal, $pattern:literal, $description:literal) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern, "description": $description})
            }
        }
    };
}

text!(Name, "Name", "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", "A DNS label (RFC 1123).");
text!(
    SecretRef,
    "Secret",
    "^(file:.+|\\$\\{[A-Za-z0-9_]+\\})$",
    "Where a secret is found: file:PATH or ${VARIABLE}, never the secret itself."
);
text!(
    StoreUrl,
    "StoreUrl",
    "^(file:.+|(s3|gs|az)://.+)$",
    "file:DIRECTORY, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX."
);
text!(
    WebhookUrl,
    "WebhookUrl",
    "^(https?://.+|file:.+|\\$\\{[A-Za-z0-9_]+\\})$",
    "https://HOST/PATH, or where such a URL is found: file:PATH or ${VARIABLE}."
);
