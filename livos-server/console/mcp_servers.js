// The MCP servers: how they are doing, their tools, and what their owner should look at.

import { confirm, fillIn } from './dialog.js';
import { h } from './dom.js';
import { icon } from './icons.js';
import { act, attempt, lead, Listing, makeButton, nothing, row } from './listing.js';
import { mcpServers } from './resources.js';

const STATES = {
  disabled: 'switched off', idle: 'starts when needed', starting: 'starting', ready: 'running', failed: 'failed',
};

/** Lines such as `TOKEN=${secret:docs}`. */
const PAIRS = {
  type: 'array', 'x-hint': 'TOKEN=${secret:NAME}, one a line',
  items: { type: 'string', pattern: /^[^=\s]+=/, 'x-pattern-says': 'Each line must be NAME=value.' },
};

const SCHEMA = {
  properties: {
    name: { type: 'string', title: 'Name', maxLength: 24, description: 'Its tools are called by it.', 'x-hint': 'files' },
    how: {
      title: 'How it is reached', default: 'program',
      oneOf: [{ const: 'program', title: 'As a program that is started here' }, { const: 'address', title: 'At an address' }],
    },
    command: { type: 'string', title: 'Program', 'x-hint': 'npx' },
    args: { type: 'array', items: { type: 'string' }, title: 'Arguments', 'x-hint': 'One a line' },
    env: { ...PAIRS, title: 'Variables', description: 'Sealed secrets are named and not written here.' },
    url: { type: 'string', title: 'Address', 'x-hint': 'https://example.org/mcp' },
    headers: { ...PAIRS, title: 'Headers', 'x-hint': 'Authorization=Bearer ${secret:NAME}, one a line' },
    description: { type: 'string', title: 'What it is for', maxLength: 1000 },
  },
  required: ['name', 'how', 'command', 'url'],
};

/** The page. */
export function open(page) {
  const warning = h('p', { className: 'row-failure', role: 'alert', hidden: true });
  const list = new Listing({
    label: 'MCP servers',
    load: async () => {
      const { items, problem } = await mcpServers.list();
      warning.textContent = problem ?? '';
      warning.hidden = !problem;
      return { items: items.map((server) => ({ id: server.name, ...server })) };
    },
    row: (server) => serverRow(server, refresh),
    none: () => nothing('plug', 'No server is set up', 'Add one here, with “livos mcp add”, or in mcp.json.', adding()),
  });
  const refresh = () => list.refresh();
  const adding = () => makeButton('Add a server', async () => {
    const submit = ({ how, env, headers, ...fields }) => mcpServers.add({ ...fields, env: pairs(env), headers: pairs(headers) });
    const prepare = (form) => form.showBy('how', [['command', 'args', 'env'], ['url', 'headers']]);
    const text = 'It is started at once to tell its tools. Only add what you trust: a program may do what you may.';
    if (await fillIn({ title: 'Add a server', text, schema: SCHEMA, action: 'Add', submit, prepare })) await refresh();
  });
  page.host.replaceChildren(
    lead('Programs that bring tools of their own. They start when they are needed; tools that change are withheld until you approve them.', adding()),
    warning, list.element);
  page.keep(refresh, 5_000);
}

/** Lines as names and values. */
const pairs = (lines) => lines && Object.fromEntries(lines.map((line) => line.split(/=(.*)/s, 2)));

function serverRow(server, refresh) {
  const { name, source, state, enabled, error, warnings, tools, description } = server;
  const offered = tools.filter((tool) => tool.state === 'offered').length;
  const isChanged = tools.some((tool) => tool.state === 'changed' || tool.state === 'added');
  const approve = h('button', { type: 'button', className: 'button', onclick: () => attempt(approve, async () => {
    await mcpServers.approve(name);
    await refresh();
  }) }, 'Approve the tools as they are now');
  const change = (label, glyph, work) => act(label, glyph, name, async () => {
    await work();
    await refresh();
  });
  const remove = async () => {
    const text = 'Its program ends, and its tools are gone. What was done with them stays.';
    if (await confirm({ title: `Remove ${name}?`, text, action: 'Remove' })) await mcpServers.remove(name);
  };
  // What stands in the file is changed there.
  const ours = source === 'store';
  return row({
    title: h('strong', {}, name),
    facts: [
      h('span', { className: `chip chip-${state}` }, STATES[state] ?? state), offered === 1 ? '1 tool' : `${offered} tools`,
      !ours && 'from mcp.json', server.restarts > 0 && `started again ${server.restarts} times`,
    ],
    body: [
      description && h('p', { className: 'cut' }, description),
      error && h('p', { className: 'row-failure' }, error),
      warnings.map((text) => h('p', { className: 'row-failure' }, text)),
      isChanged && approve,
      tools.length > 0 && h('details', { className: 'more-of' }, h('summary', {}, icon('chevron', 16), 'Its tools'),
        h('ul', { className: 'tool-list' }, tools.map((tool) => h('li', {},
          h('code', {}, tool.tool), ` ${tool.effect.replace('_', ' ')}${tool.state === 'offered' ? '' : `, ${tool.state}`}`)))),
    ],
    actions: [
      enabled && change('Restart', 'retry', () => mcpServers.restart(name)),
      ours && enabled && change('Switch off', 'pause', () => mcpServers.change(name, { enabled: false })),
      ours && !enabled && change('Switch on', 'play', () => mcpServers.change(name, { enabled: true })),
      ours && change('Remove', 'trash', remove),
    ],
  });
}
