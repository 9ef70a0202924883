//! Who is asked, in which order, for which model.

use std::sync::Arc;

use super::Member;
use super::Shared;
use crate::id::ModelName;
use crate::provider::ChatRequest;
use crate::provider::ProviderError;
use crate::provider::ProviderFailure;

/// A provider to ask and the model to ask it for.
pub(super) type Stop = (Arc<Member>, ModelName);

/// The tier that answers for a model which only one provider has.
const FALLBACK_TIER: &str = "balanced";

/// The providers to ask, in order. Those left alone are not on it, unless all are.
pub(super) fn route(shared: &Shared, request: &ChatRequest) -> Result<Vec<Stop>, ProviderError> {
    let mut route = choices(shared, &request.model)?;
    if let Some(preferred) = &request.preferred_provider
        && let Some(index) = route.iter().position(|(member, _)| member.provider.id() == preferred)
    {
        route.rotate_left(index);
    }
    let now = shared.clock.now();
    if route.iter().any(|(member, _)| member.breaker.allows(now)) {
        route.retain(|(member, _)| member.breaker.allows(now));
    }
    Ok(route)
}

/// Who is asked first for a model, if it is known at all.
pub(super) fn first_choice(shared: &Shared, model: &ModelName) -> Option<Stop> {
    choices(shared, model).ok()?.into_iter().next()
}

fn choices(shared: &Shared, model: &ModelName) -> Result<Vec<Stop>, ProviderError> {
    let members = &shared.members;
    let by_tier = |tier: &str| -> Vec<Stop> {
        let stops = members.iter().filter_map(|member| {
            member.tiers.model(tier).map(|model| (Arc::clone(member), model.clone()))
        });
        stops.collect()
    };
    let name = model.as_str();
    let tiered = by_tier(name);
    if !tiered.is_empty() {
        return Ok(tiered);
    }
    if name == shared.id.as_str() || name.is_empty() {
        return Ok(by_tier(FALLBACK_TIER));
    }
    let named = model.provider_and_model().and_then(|(provider, model)| {
        let index = members.iter().position(|member| member.provider.id().as_str() == provider)?;
        Some((index, model))
    });
    let Some((index, exact)) = named else { return unknown(shared, model) };
    let mut route = by_tier(tier_of(members.get(index), exact));
    route.rotate_left(index);
    if let Some((_, first)) = route.first_mut()
        && first.as_str() != exact
    {
        // `provider/fast` asks that provider's own fast model.
        let own_tier = members.get(index).and_then(|member| member.tiers.model(exact));
        *first = own_tier.cloned().unwrap_or_else(|| exact.into());
    }
    Ok(route)
}

/// The tier a provider's model is of, so that fallbacks are its peers.
fn tier_of<'a>(member: Option<&Arc<Member>>, model: &'a str) -> &'a str {
    let Some(member) = member else { return FALLBACK_TIER };
    let tiers = &member.tiers;
    if tiers.model(model).is_some() {
        return model;
    }
    let tiers = [("fast", &tiers.fast), ("best", &tiers.best)];
    tiers
        .into_iter()
        .find(|(_, known)| known.as_str() == model)
        .map_or(FALLBACK_TIER, |(tier, _)| tier)
}

fn unknown(shared: &Shared, model: &ModelName) -> Result<Vec<Stop>, ProviderError> {
    let known: Vec<_> = shared.members.iter().map(|member| member.provider.id().as_str()).collect();
    let message = format!(
        "unknown model '{model}'; write `provider/model` or a tier (fast, balanced, best); \
         the providers are: {}",
        known.join(", ")
    );
    Err(ProviderError::UnknownModel(ProviderFailure::new(shared.id.clone(), message)))
}
