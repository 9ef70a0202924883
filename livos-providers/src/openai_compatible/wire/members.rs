//! Objects read member by member: what is read with each piece of an answer.
//!
//! A derived `Deserialize` keeps a slot for every member a vendor ever sent
//! and code for each in one place. The few that nearly every frame has are
//! read first here, the others out of the way, so that what runs thousands of
//! times an answer stays small enough for the processor's cache.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::Visitor;

use super::Choice;
use super::Frame;
use super::FunctionPart;
use super::Part;
use super::ToolCallPart;
use super::WireText;

/// An object that begins empty and takes its members one by one; of one sent twice the last counts.
trait Members<'de>: Default {
    /// What is expected, for an error.
    const EXPECTED: &'static str;

    /// Reads the value of the member `name`.
    fn take<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error>;
}

/// Reads an object of this kind.
fn read<'de, T: Members<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Reader<T>(PhantomData<T>);

    impl<'de, T: Members<'de>> Visitor<'de> for Reader<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(T::EXPECTED)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<T, A::Error> {
            let mut object = T::default();
            while let Some(name) = members.next_key::<WireText<'de>>()? {
                object.take(&name.0, &mut members)?;
            }
            Ok(object)
        }
    }

    deserializer.deserialize_map(Reader(PhantomData))
}

/// A text or null; one function for all of them.
#[inline(never)]
fn text<'de, A: MapAccess<'de>>(members: &mut A) -> Result<Option<WireText<'de>>, A::Error> {
    members.next_value()
}

#[inline(never)]
fn skip<'de, A: MapAccess<'de>>(members: &mut A) -> Result<(), A::Error> {
    members.next_value::<IgnoredAny>().map(drop)
}

impl<'de: 'a, 'a> Deserialize<'de> for Frame<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de: 'a, 'a> Members<'de> for Frame<'a> {
    const EXPECTED: &'static str = "an answer or a frame of one";

    fn take<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "choices" => self.choices = members.next_value()?,
            "model" => self.model = text(members)?,
            "object" => self.object = text(members)?,
            "usage" => self.usage = members.next_value()?,
            "x_groq" => self.x_groq = members.next_value()?,
            "error" => self.error = members.next_value()?,
            _ => skip(members)?,
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Choice<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de: 'a, 'a> Members<'de> for Choice<'a> {
    const EXPECTED: &'static str = "a choice";

    fn take<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "index" => self.index = members.next_value()?,
            "delta" => self.delta = members.next_value()?,
            "finish_reason" => self.finish_reason = text(members)?,
            "message" => self.message = members.next_value()?,
            "usage" => self.usage = members.next_value()?,
            "error" => self.error = members.next_value()?,
            _ => skip(members)?,
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de: 'a, 'a> Members<'de> for Part<'a> {
    const EXPECTED: &'static str = "a message or a part of one";

    fn take<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "content" => self.content = members.next_value()?,
            "tool_calls" => self.tool_calls = members.next_value()?,
            "reasoning_content" => self.reasoning_content = text(members)?,
            "reasoning" => self.reasoning = text(members)?,
            "refusal" => self.refusal = text(members)?,
            _ => self.take_rare(name, members)?,
        }
        Ok(())
    }
}

impl<'a> Part<'a> {
    #[cold]
    fn take_rare<'de: 'a, A: MapAccess<'de>>(
        &mut self,
        name: &str,
        members: &mut A,
    ) -> Result<(), A::Error> {
        match name {
            "reasoning_details" => self.reasoning_details = members.next_value()?,
            "function_call" => self.function_call = members.next_value()?,
            "annotations" => self.annotations = members.next_value()?,
            "images" => self.images = members.next_value()?,
            _ => skip(members)?,
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ToolCallPart<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de: 'a, 'a> Members<'de> for ToolCallPart<'a> {
    const EXPECTED: &'static str = "a tool call or a part of one";

    fn take<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "index" => self.index = members.next_value()?,
            "id" => self.id = text(members)?,
            "function" => self.function = members.next_value()?,
            _ => skip(members)?,
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for FunctionPart<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de: 'a, 'a> Members<'de> for FunctionPart<'a> {
    const EXPECTED: &'static str = "a function call or a part of one";

    fn take<A: MapAccess<'de>>(&mut self, name: &str, members: &mut A) -> Result<(), A::Error> {
        match name {
            "name" => self.name = text(members)?,
            "arguments" => self.arguments = members.next_value()?,
            _ => skip(members)?,
        }
        Ok(())
    }
}
