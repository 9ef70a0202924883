// Everything that waits for a person, in whatever conversation; what was decided, and the rules that were made.

import { approvalCard } from './approval_card.js';
import { confirm } from './dialog.js';
import { h } from './dom.js';
import { age } from './format.js';
import { act, lead, Listing, nothing, row } from './listing.js';
import { approvals } from './resources.js';

const DECIDED = 50;
const LOOK_MS = 5_000;
const ACTIONS = { allow: 'Allowed', ask: 'Asked about', deny: 'Denied' };
const DECISIONS = { approved: 'Approved', denied: 'Denied', expired: 'Expired', abandoned: 'No longer needed' };

/** The page. */
export function open(page) {
  const waiting = new Listing({
    label: 'Waiting for you',
    load: (part) => approvals.list({ ...part, status: 'pending' }),
    row: (approval) => requestRow(approval, refresh),
    none: () => nothing('check', 'Nothing waits for you', 'Before the agent does something that may not be undone it asks, here and in its conversation.'),
  });
  const rules = new Listing({
    label: 'Rules',
    load: () => approvals.rules(),
    row: (rule) => ruleRow(rule, refresh),
    none: () => nothing('hand', 'There are no rules', 'A decision for more than once is remembered as a rule.'),
  });
  const decided = new Listing({
    label: 'Decided',
    load: async ({ cursor }) => {
      const { items, next_cursor: next } = await approvals.list({ cursor, limit: DECIDED });
      return { items: items.filter(({ status }) => status !== 'pending'), next_cursor: next };
    },
    row: decidedRow,
    none: () => nothing('clock', 'Nothing was decided yet'),
  });
  const refresh = () => Promise.all([waiting.refresh(), rules.refresh(), decided.refresh()]);
  page.host.replaceChildren(
    lead('What the agent asks, from all conversations. Nothing goes on until you answer; what nobody answers in time counts as denied.'),
    waiting.element,
    h('h2', { className: 'page-part' }, 'Rules'), rules.element,
    h('h2', { className: 'page-part' }, 'Decided'), decided.element);
  page.keep(refresh, LOOK_MS);
}

function requestRow({ id, session_id: session, requested_at: asked, expires_at: expires, ...request }, refresh) {
  const decide = async (approval, answer) => {
    await approvals.decide(approval, answer);
    await refresh();
  };
  const card = approvalCard({ ...request, approval_id: id }, decide);
  return h('li', { className: 'row-card' }, card.element,
    h('div', { className: 'row-facts' }, h('a', { href: `#/s/${session}` }, 'conversation'), h('span', {}, `asked ${age(asked)}`),
      h('span', {}, `until ${new Date(expires).toLocaleString()}`)));
}

function ruleRow({ id, action, pattern, session_id: session, created_at: made }, refresh) {
  const matches = Object.entries(pattern.arguments ?? {}).map(([name, glob]) => `${name}=${glob}`);
  return row({
    title: h('span', {}, `${ACTIONS[action] ?? action}: `, h('code', {}, [pattern.tool, ...matches].join(' '))),
    facts: [session ? h('a', { href: `#/s/${session}` }, 'in one conversation') : 'everywhere', made && `made ${age(made)}`],
    actions: act('Remove', 'trash', pattern.tool, async () => {
      const text = `Calls of ${pattern.tool} are decided as if it had never been made.`;
      if (!await confirm({ title: 'Remove this rule?', text, action: 'Remove' })) return;
      await approvals.removeRule(id);
      await refresh();
    }),
  });
}

function decidedRow({ tool, question, status, session_id: session, resolution, requested_at: asked }) {
  return row({
    title: question?.text ?? h('code', {}, tool),
    facts: [
      DECISIONS[status] ?? status, resolution?.by && `by ${resolution.by}`, resolution?.via && `via ${resolution.via}`,
      `asked ${age(asked)}`, h('a', { href: `#/s/${session}` }, 'conversation'),
    ],
  });
}
