//! What Redis does in one step.

use redis::ScriptInvocation;

/// One script, with what all of them share.
pub(super) struct Script {
    source: String,
    script: redis::Script,
}

impl Script {
    fn new(body: &str) -> Self {
        let (before, after) =
            (include_str!("scripts/prelude.lua"), include_str!("scripts/epilogue.lua"));
        let source = [before, body, after].concat();
        Self { script: redis::Script::new(&source), source }
    }

    pub(super) fn invocation(
        &self,
        root: &str,
        operation: &str,
        plan: &str,
        bodies: &[String],
    ) -> ScriptInvocation<'_> {
        let mut invocation = self.script.prepare_invoke();
        invocation.key(root).arg(operation).arg(plan).arg(bodies);
        invocation
    }

    pub(super) fn source(&self) -> &str {
        &self.source
    }
}

macro_rules! scripts {
    ($($name:ident),+ $(,)?) => {
        /// All of them.
        pub(super) struct Scripts {
            $(pub(super) $name: Script,)+
        }

        impl Scripts {
            pub(super) fn new() -> Self {
                Self { $($name: Script::new(include_str!(concat!("scripts/", stringify!($name), ".lua"))),)+ }
            }

            pub(super) fn all(&self) -> impl Iterator<Item = &Script> {
                [$(&self.$name),+].into_iter()
            }
        }
    };
}

scripts!(
    admit,
    append,
    cancel,
    change_delivery,
    change_facts,
    change_rules,
    change_schedule,
    change_setting,
    claim,
    claim_deliveries,
    create_schedule,
    create_session,
    delete_schedule,
    delete_session,
    fork,
    import,
    recall_facts,
    record_usage,
    release,
    renew,
    resolve_approval,
    search,
    show,
    update_session,
);
