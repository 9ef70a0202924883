// What model calls used and cost: by day, model and purpose.

import { h } from './dom.js';
import { compact, cost, totalTokens } from './format.js';
import { filter, lead, Listing, nothing, row } from './listing.js';
import { bars } from './memory_report.js';
import { usage } from './resources.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const PERIODS = [['7', 'Past 7 days'], ['30', 'Past 30 days'], ['365', 'Past year'], ['', 'All time']];

/** The page. */
export function open(page) {
  let days = '30';
  const charts = h('div', { className: 'report-shares' });
  const list = new Listing({
    label: 'Usage by model',
    load: async () => {
      const from = days && new Date(Date.now() - (Number(days) - 1) * DAY_MS).toISOString().slice(0, 10);
      const [models, byDay, purposes] = await Promise.all(['model', 'day', 'purpose'].map((group) => usage({ group_by: group, from })));
      charts.replaceChildren(shares('Tokens by day', byDay.items, 'day', 31), shares('Tokens by purpose', purposes.items, 'purpose', 12));
      charts.hidden = models.items.length === 0;
      return { items: models.items.map((total) => ({ id: total.group.model, ...total })) };
    },
    row: totalRow,
    none: () => nothing('chart', 'No model was asked in this time', 'An idle LivOS asks no model.'),
  });
  const refresh = () => list.refresh();
  const period = filter('Time', PERIODS, (chosen) => {
    days = chosen;
    refresh();
  }, days);
  page.host.replaceChildren(
    lead('What model calls used, those that failed or were for nothing included. Days are those of UTC.'),
    h('div', { className: 'toolbar' }, period), charts, h('h2', { className: 'page-part' }, 'By model'), list.element);
  page.keep(refresh, 30_000);
}

function shares(title, items, name, most) {
  const entries = items.slice(-most).map((total) => [total.group[name], totalTokens(total.usage)]);
  return bars(title, entries, Math.max(0, ...entries.map(([, tokens]) => tokens)), compact);
}

function totalRow({ group, answered, failed, discarded, usage: used, cost_micro_usd: spent, unpriced, mean_time_to_first_token_ms: first }) {
  return row({
    title: h('code', {}, group.model || 'unknown'),
    facts: [
      `${compact(totalTokens(used))} tokens`, cost(spent), unpriced > 0 && `${unpriced} at an unknown price`,
      `${answered.toLocaleString('en')} answered`, failed > 0 && `${failed.toLocaleString('en')} failed`,
      discarded > 0 && `${discarded.toLocaleString('en')} for nothing`, first && `first word after ${first.toLocaleString('en')} ms`,
    ],
  });
}
