//! What waits for people: a hash each, in lists by id; the rules, one hash; the audit, a sorted set of texts
//! that begin with their ids.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::json;

use super::RedisStore;
use super::entry::EntryPlan;
use super::failure::damaged;
use super::fields::Fields;
use super::fields::to_text;
use super::runs::CHUNK;
use crate::approval::ApprovalRule;
use crate::approval::MAX_RULES;
use crate::id::ApprovalId;
use crate::id::AuditId;
use crate::id::DeliveryId;
use crate::id::RuleId;
use crate::store::ApprovalFilter;
use crate::store::ApprovalRecord;
use crate::store::ApprovalState;
use crate::store::ApprovalStore;
use crate::store::AuditEntry;
use crate::store::MAX_AUDIT;
use crate::store::Page;
use crate::store::ResolveApproval;
use crate::store::StoreError;
use crate::store::approvals::make_room_for_rule;

/// An entry of the audit on its way.
#[derive(Serialize)]
struct AuditPlan {
    text: String,
    limit: usize,
}

impl AuditPlan {
    fn of(entry: &AuditEntry) -> Result<Self, StoreError> {
        Ok(Self { text: format!("{} {}", entry.id, to_text(entry)?), limit: MAX_AUDIT })
    }
}

/// A rule on its way.
#[derive(Serialize)]
struct RulePlan {
    id: RuleId,
    text: String,
    limit: usize,
}

impl RulePlan {
    fn of(rule: &ApprovalRule) -> Result<Self, StoreError> {
        Ok(Self { id: rule.id, text: to_text(rule)?, limit: MAX_RULES })
    }
}

#[async_trait]
impl ApprovalStore for RedisStore {
    async fn resolve_approval(
        &self,
        resolve: ResolveApproval,
    ) -> Result<ApprovalRecord, StoreError> {
        let id = resolve.id();
        let missing = || StoreError::not_found("approval", &id);
        let mut record = self.approval(id).await?.ok_or_else(missing)?;
        record.check(&resolve)?;
        let entry = EntryPlan::of(record.session_id, &record.entry(&resolve))?;
        let run_id = record.run_id;
        record.resolve(&resolve, 0);
        let plan = json!({
            "id": id,
            "session": record.session_id,
            "run": run_id,
            "state": record.state().name(),
            "record": to_text(&record)?,
            "entry": entry,
            "rule": resolve.rule.as_ref().map(RulePlan::of).transpose()?,
            "audit": AuditPlan::of(&resolve.audit)?,
            "delivery": DeliveryId::generate(),
        });
        let answer = self.once(&self.scripts.resolve_approval, &plan).await?;
        match answer.verdict() {
            "missing" => Err(missing()),
            "rules" => Err(make_room_for_rule(MAX_RULES).err().unwrap_or_else(missing)),
            "changed" => {
                // Somebody was faster; what is there now says who.
                let found = self.approval(id).await?.ok_or_else(missing)?;
                found.check(&resolve)?;
                Err(StoreError::conflict("approval", &id, "it changes"))
            }
            _ => {
                record.resolve(&resolve, answer.parse(1)?);
                Ok(record)
            }
        }
    }

    async fn approval(&self, id: ApprovalId) -> Result<Option<ApprovalRecord>, StoreError> {
        let fields = self.hash(self.key(&[&"approval", &id])).await?;
        (!fields.is_empty()).then(|| record(&fields)).transpose()
    }

    async fn approvals(
        &self,
        filter: ApprovalFilter,
        limit: usize,
    ) -> Result<Page<ApprovalRecord>, StoreError> {
        let list = match (filter.run_id, filter.session_id, filter.state) {
            (Some(run), _, _) => self.key(&[&"approvals", &"run", &run]),
            (None, Some(session), _) => self.key(&[&"approvals", &"session", &session]),
            (None, None, Some(state)) => self.key(&[&"approvals", &"state", &state.name()]),
            (None, None, None) => self.key(&[&"approvals"]),
        };
        let mut before = filter.before;
        let mut found = Vec::new();
        while found.len() <= limit {
            let wanted = limit.saturating_sub(found.len()).saturating_add(1).min(CHUNK);
            let ids: Vec<ApprovalId> = self.ids_before(&list, before, wanted).await?;
            let hashes = self.hashes("approval", &ids).await?;
            before = ids.last().copied();
            for fields in hashes.iter().filter(|fields| !fields.is_empty()) {
                found.push(record(fields)?);
            }
            found.retain(|record| filter.accepts(record));
            if ids.len() < wanted {
                break;
            }
        }
        Ok(Page::cut(found, limit))
    }

    async fn approval_rules(&self) -> Result<Arc<[ApprovalRule]>, StoreError> {
        let all: HashMap<String, String> =
            self.ask(&self.command("HGETALL", &[&"approval-rules"])).await?;
        let read =
            |rule: &String| serde_json::from_str(rule).map_err(|error| damaged("rule", &error));
        let mut rules = all.values().map(read).collect::<Result<Vec<ApprovalRule>, _>>()?;
        rules.sort_by_key(|rule| rule.id);
        Ok(rules.into())
    }

    async fn add_approval_rule(
        &self,
        rule: ApprovalRule,
        audit: AuditEntry,
    ) -> Result<(), StoreError> {
        let plan = json!({ "add": RulePlan::of(&rule)?, "audit": AuditPlan::of(&audit)? });
        let answer = self.once(&self.scripts.change_rules, &plan).await?;
        match answer.verdict() {
            "rules" => make_room_for_rule(MAX_RULES),
            _ => Ok(()),
        }
    }

    async fn remove_approval_rule(
        &self,
        id: RuleId,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let plan = json!({ "remove": id, "audit": AuditPlan::of(&audit)? });
        let answer = self.once(&self.scripts.change_rules, &plan).await?;
        Ok(answer.verdict() == "ok")
    }

    async fn approval_audit(
        &self,
        before: Option<AuditId>,
        limit: usize,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let from = before.map_or_else(|| "+".to_owned(), |id| format!("({id}"));
        let mut range = redis::cmd("ZREVRANGEBYLEX");
        let limit_of_texts = limit.saturating_add(1);
        range.arg(self.key(&[&"approval-audit"])).arg(from).arg("-");
        range.arg("LIMIT").arg(0).arg(limit_of_texts);
        let texts: Vec<String> = self.ask(&range).await?;
        let read = |text: &String| {
            let json = text.split_once(' ').map_or("", |(_, json)| json);
            serde_json::from_str(json).map_err(|error| damaged("audit entry", &error))
        };
        Ok(Page::cut(texts.iter().map(read).collect::<Result<_, _>>()?, limit))
    }
}

/// What the scripts changed stands beside the record.
fn record(fields: &Fields) -> Result<ApprovalRecord, StoreError> {
    let mut record: ApprovalRecord = fields.json("record")?;
    let state: ApprovalState = fields.named("state")?;
    match &mut record.resolved {
        Some(resolved) => resolved.seq = fields.maybe("seq")?,
        None if state == ApprovalState::Abandoned => record.abandon(fields.time("abandoned")?),
        None => {}
    }
    Ok(record)
}
