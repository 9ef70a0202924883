//! The tools of a process, by name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::Weak;

use serde_json::Map;
use serde_json::Value;

use super::DynamicTool;
use super::InvalidArguments;
use super::Right;
use super::Tool;
use super::ToolContext;
use super::ToolSpec;
use super::arguments::ArgumentSchema;
use super::erased::Dynamic;
use super::erased::ErasedTool;
use super::erased::PreparedCall;
use super::erased::Typed;
use crate::id::ToolName;

/// The tools of a process, by name. Clones are the same registry.
///
/// Tools come and go at run time; a run sees the set as it was when its turn
/// began. A [`scope`](Self::scoped) narrows what is seen and never widens it.
///
/// ```
/// # use livos_core::{Effect, Tool, ToolContext, ToolError, ToolOutput};
/// # struct Ping;
/// # #[derive(serde::Deserialize, schemars::JsonSchema)]
/// # struct NoArgs {}
/// # impl Tool for Ping {
/// #     type Args = NoArgs;
/// #     fn name(&self) -> &str { "ping" }
/// #     fn description(&self) -> &str { "Answers pong." }
/// #     fn effect(&self) -> Effect { Effect::ReadOnly }
/// #     async fn call(&self, _: NoArgs, _: &ToolContext) -> Result<ToolOutput, ToolError> { Ok("pong".into()) }
/// # }
/// use livos_core::ToolRegistry;
///
/// let tools = ToolRegistry::new();
/// tools.register(Ping)?;
/// assert!(tools.register(Ping).is_err(), "a name is taken once");
/// assert_eq!(tools.scoped(["pong"]).specs().len(), 0);
/// # Ok::<(), livos_core::RegisterToolError>(())
/// ```
#[derive(Clone, Default)]
pub struct ToolRegistry {
    shared: Arc<RwLock<Shared>>,
    scope: Option<Arc<Scope>>,
}

/// What a view shows.
#[derive(Clone, Default)]
struct Scope {
    /// Only these, if only some.
    names: Option<Arc<[ToolName]>>,
    /// Nothing that requires this.
    withheld: Option<Right>,
}

impl Scope {
    fn shows(&self, spec: &ToolSpec) -> bool {
        let lacks_right = spec.requires.is_some() && spec.requires == self.withheld;
        !lacks_right && self.names.as_ref().is_none_or(|names| names.contains(&spec.name))
    }
}

#[derive(Default)]
struct Shared {
    // Sorted by name, so that requests name the tools in a fixed order.
    tools: BTreeMap<ToolName, Arc<Registered>>,
    specs: Arc<[ToolSpec]>,
}

/// A registry as long as somebody else keeps it.
#[derive(Clone)]
pub(super) struct WeakRegistry {
    shared: Weak<RwLock<Shared>>,
    scope: Option<Arc<Scope>>,
}

impl WeakRegistry {
    pub(super) fn upgrade(&self) -> Option<ToolRegistry> {
        Some(ToolRegistry { shared: self.shared.upgrade()?, scope: self.scope.clone() })
    }
}

impl fmt::Debug for WeakRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakRegistry")
    }
}

/// A tool as it is kept: what is known of it, how its arguments are checked, how it is called.
pub(crate) struct Registered {
    pub(crate) spec: ToolSpec,
    /// Compiled when it is first needed: most tools of a process are never called.
    schema: OnceLock<Result<ArgumentSchema, RegisterToolError>>,
    tool: Arc<dyn ErasedTool>,
}

impl Registered {
    /// A tool whose schema was made of a type.
    pub(crate) fn of_type(spec: ToolSpec, tool: Arc<dyn ErasedTool>) -> Self {
        Self { spec, schema: OnceLock::new(), tool }
    }

    /// A tool whose schema came from anywhere.
    fn checked(spec: ToolSpec, tool: Arc<dyn ErasedTool>) -> Result<Self, RegisterToolError> {
        let schema = OnceLock::from(Ok(ArgumentSchema::compile(&spec)?));
        Ok(Self { spec, schema, tool })
    }

    /// Checks the arguments and prepares the call.
    pub(crate) fn prepare(
        &self,
        arguments: &Map<String, Value>,
        context: ToolContext,
    ) -> Result<PreparedCall, InvalidArguments> {
        self.schema()?.check(arguments)?;
        Arc::clone(&self.tool).prepare(arguments, context)
    }

    fn schema(&self) -> Result<&ArgumentSchema, InvalidArguments> {
        let compile = || {
            ArgumentSchema::compile(&self.spec)
                .inspect_err(|error| tracing::error!(%error, "no call of this tool can be checked"))
        };
        let schema = self.schema.get_or_init(compile);
        schema.as_ref().map_err(|error| InvalidArguments { problems: vec![error.to_string()] })
    }
}

/// Why a tool was not registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterToolError {
    /// The name is taken; unregister the other tool first.
    #[error("a tool named '{0}' is registered already")]
    DuplicateName(ToolName),
    /// The name is none that every provider accepts.
    #[error("'{0}' is no tool name: use 1 to 64 letters, digits, '_' or '-'")]
    InvalidName(ToolName),
    /// The schema of the arguments cannot be used.
    #[error("the arguments' schema of tool '{tool}' is invalid: {message}")]
    InvalidSchema {
        /// The tool.
        tool: ToolName,
        /// What is wrong with its schema.
        message: String,
    },
}

impl ToolRegistry {
    /// The longest name every known provider accepts, in bytes.
    pub const MAX_NAME_LENGTH: usize = 64;

    /// A registry without tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool with typed arguments. Their schema is compiled at the first call; if an
    /// implementation of `JsonSchema` by hand made it invalid, no call is made and each says so.
    ///
    /// # Errors
    /// When the name is taken or not acceptable.
    pub fn register(&self, tool: impl Tool) -> Result<(), RegisterToolError> {
        let typed = Typed(tool);
        self.insert(Registered::of_type(typed.spec(), Arc::new(typed)))
    }

    /// Adds a tool whose schema is known only now.
    ///
    /// # Errors
    /// When the name is taken or not acceptable, or the schema is invalid.
    pub fn register_dynamic(&self, tool: impl DynamicTool) -> Result<(), RegisterToolError> {
        self.insert(Registered::checked(tool.spec(), Arc::new(Dynamic(tool)))?)
    }

    /// Removes a tool; calls under way go on. False when there was none.
    pub fn unregister(&self, name: &str) -> bool {
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        let removed = shared.tools.remove(name).is_some();
        if removed {
            shared.refresh();
        }
        removed
    }

    /// A view of the same registry that shows only these names, now and later.
    /// Scoping a scope leaves what both allow.
    pub fn scoped<N: Into<ToolName>>(&self, names: impl IntoIterator<Item = N>) -> Self {
        let before = self.scope.as_deref().cloned().unwrap_or_default();
        let allowed =
            |name: &ToolName| before.names.as_ref().is_none_or(|names| names.contains(name));
        let names = names.into_iter().map(Into::into).filter(allowed).collect();
        self.view(Scope { names: Some(names), ..before })
    }

    /// A view of the same registry without the tools that require a right.
    pub fn without(&self, right: Right) -> Self {
        let before = self.scope.as_deref().cloned().unwrap_or_default();
        self.view(Scope { withheld: Some(right), ..before })
    }

    fn view(&self, scope: Scope) -> Self {
        Self { shared: Arc::clone(&self.shared), scope: Some(Arc::new(scope)) }
    }

    /// What a model is told about the tools in view, sorted by name.
    pub fn specs(&self) -> Arc<[ToolSpec]> {
        let shared = self.shared.read().unwrap_or_else(PoisonError::into_inner);
        match &self.scope {
            None => Arc::clone(&shared.specs),
            Some(_) => shared.specs.iter().filter(|spec| self.shows(spec)).cloned().collect(),
        }
    }

    /// The same registry, for a tool that it holds itself.
    pub(super) fn downgrade(&self) -> WeakRegistry {
        WeakRegistry { shared: Arc::downgrade(&self.shared), scope: self.scope.clone() }
    }

    /// What is known about one tool in view.
    pub fn spec(&self, name: &str) -> Option<ToolSpec> {
        self.find(name).map(|tool| tool.spec.clone())
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Registered>> {
        let shared = self.shared.read().unwrap_or_else(PoisonError::into_inner);
        let tool = shared.tools.get(name)?;
        self.shows(&tool.spec).then(|| Arc::clone(tool))
    }

    fn shows(&self, spec: &ToolSpec) -> bool {
        self.scope.as_ref().is_none_or(|scope| scope.shows(spec))
    }

    /// Adds a tool of any kind.
    pub(crate) fn insert(&self, tool: Registered) -> Result<(), RegisterToolError> {
        let name = tool.spec.name.clone();
        if !is_tool_name(name.as_str()) {
            return Err(RegisterToolError::InvalidName(name));
        }
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        if shared.tools.contains_key(&name) {
            return Err(RegisterToolError::DuplicateName(name));
        }
        shared.tools.insert(name, Arc::new(tool));
        shared.refresh();
        Ok(())
    }
}

impl Shared {
    fn refresh(&mut self) {
        self.specs = self.tools.values().map(|tool| tool.spec.clone()).collect();
    }
}

fn is_tool_name(name: &str) -> bool {
    (1..=ToolRegistry::MAX_NAME_LENGTH).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

impl fmt::Debug for ToolRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.specs().iter().map(|spec| spec.name.as_str())).finish()
    }
}
