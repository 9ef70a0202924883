// Agents that are kept under a name: made, changed, given something to do.

import { listModels } from './api.js';
import { confirm, fillIn } from './dialog.js';
import { h } from './dom.js';
import { cost } from './format.js';
import { icon } from './icons.js';
import { act, cut, lead, Listing, makeButton, nothing, row } from './listing.js';
import { agents, tools } from './resources.js';
import { startTask } from './tasks.js';

/** The most that an agent may be given. */
const BUDGET = { turns: 8, tokens: 50_000, seconds: 120 };
const TIERS = ['fast', 'balanced', 'best'];
const ALL_TOOLS = 'all';
const SOME_TOOLS = 'some';

/** The page. */
export function open(page) {
  const list = new Listing({
    label: 'Agents',
    load: () => agents.list(),
    row: (agent) => agentRow(agent, refresh),
    none: () => nothing('branch', 'No agent has a name yet', 'Keep one here for work that comes again, with its own instructions, tools and model, or ask the agent to keep one.', adding()),
  });
  const refresh = () => list.refresh();
  const adding = () => makeButton('New agent', () => create(refresh));
  page.host.replaceChildren(
    lead('Agents for work that comes again. The agent you talk to starts them by what they are good for; you give them tasks. They never have more tools, money or rights than whoever starts them.', adding()),
    list.element);
  page.keep(refresh, 15_000);
}

function agentRow(agent, refresh) {
  const { id, description, instructions, tools: own, model, budget, version } = agent;
  return row({
    title: h('strong', { className: 'mono' }, id),
    facts: [
      own ? `${own.length} ${own.length === 1 ? 'tool' : 'tools'}` : 'all tools of who starts it',
      model ?? 'model of who starts it',
      budget && `${budget.turns} turns, ${budget.tokens.toLocaleString('en')} tokens, ${budget.seconds} s${budget.cost_micro_usd ? `, ${cost(budget.cost_micro_usd)}` : ''} at most`,
      version > 1 && `version ${version}`,
    ],
    body: [
      cut(description),
      h('details', { className: 'more-of' }, h('summary', {}, icon('chevron', 16), 'Instructions and tools'),
        h('pre', { className: 'output', tabIndex: 0 }, instructions),
        own && h('p', { className: 'chips' }, own.length ? own.map((tool) => h('code', { className: 'chip' }, tool)) : 'It has no tools.')),
    ],
    actions: [
      act('Give a task to', 'bolt', id, () => startTask({ agent: id })),
      act('Edit', 'pencil', id, () => edit(agent, refresh)),
      act('Delete', 'trash', id, () => remove(id, refresh)),
    ],
  });
}

/** The fields, with the tools and models of now and those that the agent has. */
async function schema(agent = {}) {
  const [{ items }, models] = await Promise.all([tools(), listModels().catch(() => [])]);
  const names = new Set([...items.map(({ name }) => name), ...agent.tools ?? []]);
  const known = new Set([...TIERS, ...models.map(({ id }) => id), ...agent.model ? [agent.model] : []]);
  const limit = (title, maximum) => ({ type: 'integer', title, minimum: 1, maximum, default: maximum });
  return {
    properties: {
      ...!agent.id && {
        id: {
          type: 'string', title: 'Name', maxLength: 64, pattern: /^[a-z][a-z0-9-]*$/, 'x-hint': 'reviewer',
          'x-pattern-says': 'Small letters, digits and -, beginning with a letter.',
        },
      },
      description: { type: 'string', title: 'What it is good for', description: 'By this it is chosen.', maxLength: 1024, 'x-lines': 2, 'x-hint': 'Reviews changes before they are merged.' },
      instructions: { type: 'string', title: 'Standing instructions', maxLength: 32_768, 'x-lines': 6, 'x-hint': 'You are a reviewer. …' },
      reach: {
        title: 'Tools', default: ALL_TOOLS,
        oneOf: [{ const: ALL_TOOLS, title: 'All tools of who starts it' }, { const: SOME_TOOLS, title: 'Only some of them' }],
      },
      tools: { type: 'array', title: 'Which ones', items: { enum: [...names].sort() } },
      model: { title: 'Model', enum: [...known], 'x-hint': 'The model of who starts it' },
      budget: {
        type: 'object', title: 'What one of its runs may spend', required: ['turns', 'tokens', 'seconds'],
        properties: {
          turns: limit('Turns', BUDGET.turns), tokens: limit('Tokens', BUDGET.tokens), seconds: limit('Seconds', BUDGET.seconds),
          dollars: { type: 'number', title: 'US dollars', minimum: 0.000001 },
        },
      },
    },
    required: ['id', 'description', 'instructions', 'reach', 'budget'],
  };
}

/** The list of tools is shown to who wants some of them. */
const prepare = (form) => form.showBy('reach', [[], ['tools']]);

/** What was filled in, as the API wants it; null takes back what an agent had. */
function written({ reach, tools: chosen = [], model = null, budget: { dollars, ...budget }, ...fields }) {
  if (dollars) budget.cost_micro_usd = Math.round(dollars * 1_000_000);
  return { ...fields, tools: reach === SOME_TOOLS ? chosen : null, model, budget };
}

async function create(refresh) {
  const submit = (fields) => agents.create(written(fields));
  if (await fillIn({ title: 'New agent', schema: await schema(), action: 'Keep it', submit, prepare })) await refresh();
}

async function edit(agent, refresh) {
  const { cost_micro_usd: micro, ...budget } = agent.budget ?? BUDGET;
  const value = { ...agent, reach: agent.tools ? SOME_TOOLS : ALL_TOOLS, budget: { ...budget, dollars: micro && micro / 1_000_000 } };
  const submit = (fields) => agents.change(agent.id, written(fields));
  if (await fillIn({ title: `Change ${agent.id}`, schema: await schema(agent), value, action: 'Save', submit, prepare })) await refresh();
}

async function remove(id, refresh) {
  const text = `Nobody can start “${id}” any more. What it did stays, and runs under way go on.`;
  if (!await confirm({ title: 'Delete this agent?', text, action: 'Delete' })) return;
  await agents.remove(id);
  await refresh();
}
