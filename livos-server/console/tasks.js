// Work in the background: started, watched, stopped, and what came of it.

import { listModels, newKey } from './api.js';
import { confirm, fillIn } from './dialog.js';
import { h, toast } from './dom.js';
import { age, compact, cost, duration, totalTokens, usageDetail } from './format.js';
import { icon } from './icons.js';
import { act, cut, filter, lead, Listing, makeButton, nothing, row } from './listing.js';
import { renderMarkdown } from './markdown.js';
import { agents, tasks } from './resources.js';
import { isOver, RUN_STATES, runState } from './run_state.js';

/** How often tasks that are not over are looked at; where all are over, one time in so many. */
const LOOK_MS = 3_000;
const CALM = 5;
/** How many tasks are looked at closely. */
const CLOSELY = 12;
/** What a result shows before it is opened. */
const PREVIEW = 160;

/** The page. */
export function open(page) {
  let status = '';
  const list = new Listing({
    label: 'Tasks',
    load: async (part) => closely(await tasks.list({ ...part, status })),
    row: (task) => taskRow(task, refresh),
    none: () => (status
      ? nothing('queue', 'No task stands there', 'Choose another state, or look at all of them.')
      : nothing('queue', 'Nothing is done in the background', 'A task is done while you do something else. What came of it is here when you come back.', adding())),
  });
  const refresh = () => list.refresh();
  const start = async () => {
    if (await startTask()) await refresh();
  };
  const adding = () => makeButton('New task', start);
  page.host.replaceChildren(
    lead('Work in the background, each task in a conversation of its own. It goes on when you close this page, and after a restart.', adding()),
    h('div', { className: 'toolbar' },
      filter('State', [['', 'All'], ...RUN_STATES], (chosen) => {
        status = chosen;
        refresh();
      })),
    list.element);
  let looks = 0;
  page.keep(() => {
    const isCalm = list.items.every((task) => isOver(task.status));
    if (!isCalm || looks % CALM === 0) refresh();
    looks += 1;
  }, LOOK_MS);
}

/** With how far those are that go. */
async function closely({ items, next_cursor: next }) {
  const going = items.filter(({ status }) => status === 'running').slice(0, CLOSELY);
  const seen = new Map(await Promise.all(going.map(async ({ id }) => [id, await tasks.get(id).catch(() => null)])));
  return { items: items.map((task) => ({ ...task, ...seen.get(task.id) })), next_cursor: next };
}

function taskRow(task, refresh) {
  const { id, session_id: session, status, title, agent, model, admitted_at: begun, finished_at: ended, turns, tool_calls: calls } = task;
  const tokens = totalTokens(task.usage);
  const name = title ?? 'Task';
  return row({
    title: h('a', { href: `#/s/${session}` }, name),
    facts: [
      runState(status),
      agent && h('span', { className: 'chip' }, agent),
      h('time', { dateTime: begun, title: new Date(begun).toLocaleString() }, age(begun)),
      ended && `took ${duration(Date.parse(ended) - Date.parse(begun))}`,
      turns > 0 && `${turns} ${turns === 1 ? 'turn' : 'turns'}`,
      calls > 0 && `${calls} tool ${calls === 1 ? 'call' : 'calls'}`,
      tokens > 0 && h('span', { title: usageDetail(task.usage) }, `${compact(tokens)} tokens`),
      task.cost_micro_usd > 0 && cost(task.cost_micro_usd),
      turns > 0 && model,
    ],
    body: isOver(status) ? outcome(task) : progress(task),
    actions: [
      h('a', { className: 'icon-button', href: `#/s/${session}`, title: 'Open its conversation', 'aria-label': `Open the conversation of: ${name.slice(0, 80)}` }, icon('chat', 16)),
      !isOver(status) && act('Stop', 'block', name, async () => {
        const text = `“${name}” ends, with everything it started. What it did so far stays.`;
        if (!await confirm({ title: 'Stop this task?', text, action: 'Stop it' })) return;
        await tasks.cancel(id);
        await refresh();
      }),
    ],
  });
}

function progress({ status, waits_for: cause, calling, said }) {
  return [
    status === 'waiting' && h('a', { className: 'note', href: '#/approvals' }, 'Answer it'),
    status === 'queued' && cause && h('p', { className: 'note' }, `Waits for ${cause}.`),
    calling?.length > 0 && h('p', { className: 'note' }, 'Calls ', calling.map((tool) => h('code', { className: 'chip' }, tool))),
    said && cut(said),
  ];
}

function outcome({ text, error, status }) {
  const failed = error && h('p', { className: 'row-failure' }, error.message);
  if (!text) return [failed ?? (status === 'completed' && h('p', { className: 'note' }, 'It said nothing.'))];
  const body = h('div', { className: 'prose' });
  renderMarkdown(body, text);
  const line = text.trim().split('\n', 1)[0];
  if (text.trim() === line && line.length <= PREVIEW) return [failed, body];
  return [failed, h('details', { className: 'more-of' },
    h('summary', {}, icon('chevron', 16), h('span', { className: 'preview' }, line.slice(0, PREVIEW))), body)];
}

/** Asks what is to be done, and has it done; `value`: what is known of it. */
export async function startTask(value = {}) {
  const [{ items }, models] = await Promise.all([agents.list(), listModels().catch(() => [])]);
  const key = newKey();
  const started = await fillIn({
    title: 'New task', value, action: 'Start',
    schema: {
      properties: {
        tasks: { type: 'string', title: 'What is to be done', 'x-lines': 5, 'x-hint': 'Sum up the reports of 2025.' },
        split: { type: 'boolean', title: 'Each line is a task of its own' },
        priority: {
          title: 'How urgent it is', default: 'normal',
          oneOf: [{ const: 'high', title: 'Before all others' }, { const: 'normal', title: 'As most' }, { const: 'low', title: 'When nothing else wants to go' }],
        },
        ...items.length > 0 && { agent: { title: 'Who does it', enum: items.map(({ id }) => id), 'x-hint': 'The agent you talk to' } },
        ...models.length > 0 && { model: { title: 'Model', enum: models.map(({ id }) => id), 'x-hint': 'The usual one' } },
        max_tokens: { type: 'integer', title: 'Tokens at most', description: 'Of all tasks together.', minimum: 1 },
        max_turns: { type: 'integer', title: 'Turns at most', minimum: 1, maximum: 4_294_967_295 },
      },
      required: ['tasks', 'priority'],
    },
    submit: ({ tasks: text, split, ...fields }) => {
      const lines = split ? text.split('\n').map((line) => line.trim()).filter(Boolean) : [text];
      return tasks.start({ ...fields, tasks: lines, idempotency_key: key });
    },
  });
  if (started) toast(started.tasks.length === 1 ? 'It is being done.' : `${started.tasks.length} tasks are being done.`, 'info');
  return started;
}
