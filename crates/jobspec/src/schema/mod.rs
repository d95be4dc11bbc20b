//! What a job file may say, as data: for every block its attributes and blocks, their types, their names in JSON, and whether they take
//! effect. [`table`] is the list; decoding of files and of request bodies both walk it.

pub(crate) mod table;

/// A block of a job file, and the JSON object that it becomes.
pub(crate) struct Block {
    /// The word in the job file.
    pub name: &'static str,
    /// The JSON field that takes the label; `None` when the block has no label.
    pub label: Option<&'static str>,
    pub fields: &'static [Field],
    pub finish: Finish,
}

/// An attribute or block within a block.
pub(crate) struct Field {
    /// The word in the job file; empty when only request bodies have it.
    pub hcl: &'static str,
    /// The name in JSON; empty when only job files have it.
    pub json: &'static str,
    pub shape: Shape,
    pub support: Support,
    /// In JSON that is not canonical an absent value is `null`, except for the few that are always there.
    pub absent_is_zero: bool,
}

/// What a value looks like.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Text,
    /// One of a few words; the second list is known but not supported yet.
    Word(&'static [&'static str], &'static [&'static str]),
    Bool,
    Integer,
    /// Nanoseconds, or a text such as `30s`.
    Duration,
    TextList,
    /// Texts by name: a block of attributes, or an object.
    TextMap,
    /// Anything: a block of attributes and blocks, or an object.
    Free,
    /// At most one block.
    One(&'static Block),
    /// Any number of blocks.
    Many(&'static Block),
    /// A block of which nothing is read, because it is not supported.
    OpaqueBlock,
    /// An attribute of which only is asked whether it says anything, because it is not supported.
    OpaqueAttribute,
}

/// Whether a field takes effect.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    Full,
    /// Known, and refused when it asks for something. Empty values, `false`, zero and the texts of the list ask for nothing.
    NotYet(&'static [&'static str]),
    /// Only part of the job file language: the block's `finish` makes something else of it.
    Sugar,
}

/// What is done with a block once its fields are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    Nothing,
    /// `distinct_hosts = true` and its like become operator, attribute and value.
    Constraint,
    /// `regexp = "…"` and its like become operator and value.
    Affinity,
    /// The label becomes a type.
    TaskScaling,
    /// `enabled = false` becomes `disabled = true`.
    Logs,
    /// `port` blocks become reserved or dynamic ports.
    Network,
    /// A label, an id and tasks without a group.
    Job,
}

impl Block {
    pub fn find(&self, word: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| !field.hcl.is_empty() && field.hcl == word)
    }

    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|field| field.hcl).filter(|word| !word.is_empty())
    }

    /// The path of the nearest block at or below this one that has a field of this name, such as `group.network`.
    pub fn home_of(&'static self, word: &str) -> Option<String> {
        let mut queue: std::collections::VecDeque<(String, &'static Block)> = [(String::new(), self)].into();
        while let Some((path, block)) = queue.pop_front() {
            if !path.is_empty() && block.find(word).is_some() {
                return Some(path);
            }
            for field in block.fields {
                if let Shape::One(inner) | Shape::Many(inner) = field.shape
                    && !field.hcl.is_empty()
                {
                    queue.push_back((if path.is_empty() { inner.name.to_owned() } else { format!("{path}.{}", inner.name) }, inner));
                }
            }
        }
        None
    }
}

impl Shape {
    pub fn is_block(&self) -> bool {
        matches!(self, Self::One(_) | Self::Many(_) | Self::OpaqueBlock)
    }
}
