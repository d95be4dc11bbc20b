//! Values of any type that can be read from bincode, made up by walking its shape: nothing is forgotten when a type gets a field.

use std::fmt;

use model::IdSource;
use serde::de::value::{SeqDeserializer, U32Deserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};

/// A random value; the same for the same seed. Ids and texts are of few kinds, so that values of several seeds name the same things.
///
/// # Panics
///
/// When the type refuses what its shape allows.
#[track_caller]
pub fn any<T: DeserializeOwned>(seed: u64) -> T {
    made(Maker { dice: Dice::Random(IdSource::new(seed)), first_variant: None, depth: 0 })
}

/// A value in which nothing is empty, zero or missing, and (nearly) no two things are equal. `variant` is the position of the enum's variant
/// when the type is one; `None` when there are not so many.
#[track_caller]
pub fn full<T: DeserializeOwned>(variant: u32) -> Option<T> {
    let mut maker = Maker { dice: Dice::Count(0), first_variant: Some(variant), depth: 0 };
    match T::deserialize(&mut maker) {
        Ok(value) => Some(value),
        Err(NotMade::NoSuchVariant) => None,
        Err(NotMade::Refused(reason)) => panic!("a full {} was not made: {reason}", std::any::type_name::<T>()),
    }
}

#[track_caller]
fn made<T: DeserializeOwned>(mut maker: Maker) -> T {
    match T::deserialize(&mut maker) {
        Ok(value) => value,
        Err(reason) => panic!("a {} was not made: {reason}", std::any::type_name::<T>()),
    }
}

enum Dice {
    Random(IdSource),
    /// Counts up instead.
    Count(u64),
}

struct Maker {
    dice: Dice,
    first_variant: Option<u32>,
    depth: usize,
}

#[derive(Debug)]
enum NotMade {
    NoSuchVariant,
    Refused(String),
}

impl fmt::Display for NotMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchVariant => f.write_str("there is no such variant"),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for NotMade {}

impl de::Error for NotMade {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self::Refused(reason.to_string())
    }
}

impl Maker {
    /// Below `n`; when counting, never 0 unless that is all there is.
    fn number(&mut self, n: u64) -> u64 {
        match &mut self.dice {
            Dice::Random(ids) => {
                // The ends are where mistakes are.
                let raw = ids.next_u64();
                match raw % 8 {
                    0 => 0,
                    1 => n - 1,
                    _ => (raw >> 3) % n,
                }
            }
            Dice::Count(next) => {
                *next += 1;
                if n <= 1 { 0 } else { 1 + (*next - 1) % (n - 1) }
            }
        }
    }

    /// All bytes of an id are this one.
    fn id_byte(&mut self) -> u8 {
        let n = if matches!(self.dice, Dice::Random(_)) { IDS } else { 1 << 8 };
        self.number(n) as u8
    }

    fn flag(&mut self) -> bool {
        match &mut self.dice {
            Dice::Random(ids) => ids.next_u64() % 2 == 1,
            Dice::Count(_) => true,
        }
    }

    fn text(&mut self) -> String {
        const TEXTS: [&str; 8] = ["", "a", "web", "west-1", "käse ü", "two\nlines", "\u{1f980} \"quoted\" \\", "${attr.kernel.name}"];
        match &mut self.dice {
            Dice::Random(ids) => {
                let raw = ids.next_u64();
                if raw.is_multiple_of(4) { format!("{raw:x}") } else { TEXTS[(raw >> 8) as usize % TEXTS.len()].to_owned() }
            }
            Dice::Count(next) => {
                *next += 1;
                format!("text-{next}")
            }
        }
    }

    /// How many elements a list or map has.
    fn length(&mut self) -> usize {
        match &mut self.dice {
            Dice::Random(ids) => {
                let deep = if self.depth > 6 { 1 } else { 3 };
                (ids.next_u64() % deep) as usize
            }
            // One is enough to show the shape.
            Dice::Count(_) => 1,
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty, $limit:expr;)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
            let number = self.number($limit) as $type;
            visitor.$visit(number)
        })+
    };
}

const ID_BYTES: usize = 16;
/// As many different ids are made.
const IDS: u64 = 6;

/// Times must stay writable as dates.
const SIGNED_MAX: u64 = 1 << 60;

impl<'de> de::Deserializer<'de> for &mut Maker {
    type Error = NotMade;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NotMade> {
        Err(NotMade::Refused("bincode cannot read it".to_owned()))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        let flag = self.flag();
        visitor.visit_bool(flag)
    }

    integers! {
        deserialize_i8 visit_i8 i8, 1 << 7;
        deserialize_i16 visit_i16 i16, 1 << 15;
        deserialize_i32 visit_i32 i32, 1 << 31;
        deserialize_u8 visit_u8 u8, 1 << 8;
        deserialize_u16 visit_u16 u16, 1 << 16;
        deserialize_u32 visit_u32 u32, 1 << 32;
        deserialize_u64 visit_u64 u64, u64::MAX;
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        let magnitude = self.number(SIGNED_MAX) as i64;
        let is_negative = matches!(self.dice, Dice::Random(_)) && self.flag();
        visitor.visit_i64(if is_negative { -magnitude } else { magnitude })
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        let eighths = self.number(1 << 20) as f32;
        visitor.visit_f32(eighths / 8.0)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        let eighths = self.number(1 << 40) as f64;
        visitor.visit_f64(eighths / 8.0)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        visitor.visit_char('x')
    }

    /// Only configurations of drivers are read as borrowed text: JSON.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        let number = self.number(1_000_000);
        let text = if number == 0 { "{}".to_owned() } else { format!("{{\"args\":[\"a\",{number}],\"command\":\"/bin/x\"}}") };
        visitor.visit_str(&text)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        let text = self.text();
        visitor.visit_string(text)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        self.deserialize_byte_buf(visitor)
    }

    /// Only uuids are read as bytes.
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        let byte = self.id_byte();
        visitor.visit_byte_buf(vec![byte; ID_BYTES])
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        if self.flag() { visitor.visit_some(self) } else { visitor.visit_none() }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, NotMade> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, NotMade> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        let left = self.length();
        self.within(|maker| visitor.visit_seq(Elements { maker, left }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, left: usize, visitor: V) -> Result<V::Value, NotMade> {
        if left == ID_BYTES {
            // An id: nothing else is an array.
            let byte = self.id_byte();
            return visitor.visit_seq(SeqDeserializer::<_, NotMade>::new(std::iter::repeat_n(byte, left)));
        }
        self.fields(left, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, left: usize, visitor: V) -> Result<V::Value, NotMade> {
        self.deserialize_tuple(left, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        let left = self.length();
        self.within(|maker| visitor.visit_map(Elements { maker, left }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotMade> {
        self.fields(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotMade> {
        let n = variants.len() as u32;
        let variant = match self.first_variant.take() {
            Some(variant) if variant >= n => return Err(NotMade::NoSuchVariant),
            Some(variant) => variant,
            None => match self.dice {
                Dice::Random(_) => self.number(u64::from(n)) as u32,
                // The same also when variants are appended.
                Dice::Count(_) => 1.min(n.saturating_sub(1)),
            },
        };
        self.within(|maker| visitor.visit_enum(Variant { maker, variant }))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotMade> {
        self.deserialize_any(visitor)
    }
}

impl Maker {
    fn fields<'de, V: Visitor<'de>>(&mut self, left: usize, visitor: V) -> Result<V::Value, NotMade> {
        self.within(|maker| visitor.visit_seq(Elements { maker, left }))
    }

    fn within<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let made = make(self);
        self.depth -= 1;
        made
    }
}

struct Elements<'a> {
    maker: &'a mut Maker,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_> {
    type Error = NotMade;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, NotMade> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.maker).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

impl<'de> de::MapAccess<'de> for Elements<'_> {
    type Error = NotMade;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, NotMade> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NotMade> {
        seed.deserialize(&mut *self.maker)
    }
}

struct Variant<'a> {
    maker: &'a mut Maker,
    variant: u32,
}

impl<'a, 'de> de::EnumAccess<'de> for Variant<'a> {
    type Error = NotMade;
    type Variant = &'a mut Maker;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, &'a mut Maker), NotMade> {
        let index: U32Deserializer<NotMade> = self.variant.into_deserializer();
        Ok((seed.deserialize(index)?, self.maker))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Maker {
    type Error = NotMade;

    fn unit_variant(self) -> Result<(), NotMade> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, NotMade> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, NotMade> {
        de::Deserializer::deserialize_tuple(self, len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, NotMade> {
        self.fields(fields.len(), visitor)
    }
}
