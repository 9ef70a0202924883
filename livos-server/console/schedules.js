// Work at its times: what is due when, and what one does about it.

import { confirm, fillIn } from './dialog.js';
import { h, toast } from './dom.js';
import { act, cut, lead, Listing, makeButton, nothing, readWhenOpened, row } from './listing.js';
import { schedules } from './resources.js';

const SCHEMA = {
  properties: {
    title: { type: 'string', title: 'What to call it', maxLength: 200, 'x-hint': 'Morning report' },
    task: { type: 'string', title: 'What the agent is told each time', maxLength: 16_384, 'x-lines': 4, 'x-hint': 'Sum up what happened since yesterday.' },
    kind: {
      title: 'When', default: 'cron',
      oneOf: [{ const: 'cron', title: 'By a cron expression' }, { const: 'every', title: 'Again and again' }, { const: 'at', title: 'Once' }],
    },
    expression: { type: 'string', title: 'Cron expression', default: '0 9 * * 1-5', description: 'Minute, hour, day, month, weekday: “0 9 * * 1-5” is nine o’clock from Monday to Friday.' },
    time_zone: { type: 'string', title: 'Time zone', default: Intl.DateTimeFormat().resolvedOptions().timeZone ?? 'UTC' },
    seconds: { type: 'integer', title: 'Seconds between two times', minimum: 1, default: 3600 },
    time: { type: 'string', title: 'At', format: 'date-time' },
  },
  required: ['title', 'task', 'kind', 'expression', 'seconds', 'time'],
};
/** Which fields belong to which kind, in the order of the choices. */
const PARTS = [['expression', 'time_zone'], ['seconds'], ['time']];

/** The page. */
export function open(page) {
  const list = new Listing({
    label: 'Schedules',
    load: (part) => schedules.list(part),
    row: (schedule) => scheduleRow(schedule, refresh),
    none: () => nothing('clock', 'Nothing is scheduled', 'Ask the agent to do something at its time, or make a schedule here.', adding()),
  });
  const refresh = () => list.refresh();
  const adding = () => makeButton('New schedule', () => create(refresh));
  page.host.replaceChildren(
    lead('Work at its time. Each time fires once, also over restarts; one whose runs fail three times in a row pauses and says so.', adding()),
    list.element);
  page.keep(refresh, 15_000);
}

function scheduleRow(schedule, refresh) {
  const { id, status, reason, when, next_at: next, fired, plan, session_id: session } = schedule;
  const { title } = plan;
  const actions = [act('Run now', 'bolt', title, async () => {
    await schedules.run(id);
    await refresh();
  })];
  const toggle = (label, glyph, enabled) => act(label, glyph, title, async () => {
    await schedules.change(id, { enabled });
    await refresh();
  });
  if (status === 'active') actions.push(toggle('Pause', 'pause', false));
  if (status === 'paused') actions.push(toggle('Resume', 'play', true));
  actions.push(act('Delete', 'trash', title, async () => {
    const text = `“${title}” fires no more. What was said in its conversation stays.`;
    if (!await confirm({ title: 'Delete this schedule?', text, action: 'Delete' })) return;
    await schedules.remove(id);
    await refresh();
  }));
  return row({
    title: h('a', { href: `#/s/${session}` }, title),
    facts: [
      h('span', { className: `chip chip-${status}` }, status), plan.agent && h('span', { className: 'chip' }, plan.agent), when, next && `next ${new Date(next).toLocaleString()}`, reason,
      fired === 1 ? 'fired once' : `fired ${fired} times`,
    ],
    body: [cut(plan.task), readWhenOpened('What came of it', () => firings(id))],
    actions,
  });
}

/** The newest times, and what came of each. */
async function firings(id) {
  const { items } = await schedules.firings(id);
  if (!items.length) return h('p', { className: 'note' }, 'It has not been due yet.');
  return h('ul', { className: 'chain' }, items.map(({ slot, status, reason }) =>
    h('li', {}, new Date(slot).toLocaleString(), ` – ${[status, reason].filter(Boolean).join(', ').replaceAll('_', ' ')}`)));
}

async function create(refresh) {
  const made = await fillIn({
    title: 'New schedule', schema: SCHEMA, action: 'Make it', prepare: (form) => form.showBy('kind', PARTS),
    submit: async ({ title, task, kind, ...fields }) => {
      try {
        return await schedules.create({ title, task, recurrence: { kind, ...fields } });
      } catch (error) {
        // Its fields stand beside the others here.
        error.fields = error.fields.map(({ field, message }) => ({ field: field.replace(/^recurrence\./, ''), message }));
        throw error;
      }
    },
  });
  if (!made) return;
  toast(made.next_at ? `It is due ${new Date(made.next_at).toLocaleString()}.` : 'It is made.', 'info');
  await refresh();
}
