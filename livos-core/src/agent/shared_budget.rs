//! Budgets that several runs spend: a run's, and that of the agents it asked for.
//!
//! Who spends it may be driven anywhere, so what the others spent is read from the records of their
//! runs before each model call. A run that neither has agents nor is one reads nothing.

use super::driver::Driver;
use super::queued::Queued;
use crate::store::StoreError;
use crate::tool::Spent;

impl Driver {
    /// Whether others spend the budget too.
    pub(super) fn shares_its_budget(&self) -> bool {
        self.queued.is_some()
            && (self.run.agents().are_at_large() || self.context.budget.parent().is_some())
    }

    /// Finds out what the others have spent by now. When that cannot be read, what was known stays:
    /// what each of them spends is limited anyway.
    pub(super) async fn learn_what_others_spent(&self) {
        let Some(queued) = &self.queued else { return };
        let learned = match self.run.agents().are_at_large() {
            true => self.learn_of_agents(queued).await,
            false => self.learn_of_family(queued).await,
        };
        if let Err(error) = learned {
            let run_id = self.context.run_id;
            tracing::warn!(error = %error, %run_id, "what its agents spent could not be looked up");
        }
    }

    /// What its agents have spent that no result told of.
    async fn learn_of_agents(&self, queued: &Queued) -> Result<(), StoreError> {
        let agents = self.run.agents();
        let counts = |run_id| !agents.account_for(run_id);
        let spent = queued.spent_by_agents_of(self.context.run_id, counts).await?;
        self.context.budget.set_drawn(spent);
        Ok(())
    }

    /// What whoever asked for it and the others it asked for have spent.
    async fn learn_of_family(&self, queued: &Queued) -> Result<(), StoreError> {
        let shares = self.context.profile.as_ref().and_then(|profile| profile.draws_on);
        let (Some(shared), Some(meter)) = (shares, self.context.budget.parent()) else {
            return Ok(());
        };
        let own = self.context.run_id;
        let mut spent: Spent = queued.spent_by(shared.run_id).await?;
        spent += queued.spent_by_agents_of(shared.run_id, |run_id| run_id != own).await?;
        meter.set_drawn(spent);
        Ok(())
    }
}
