// The MCP servers: how they are doing, their tools, and what their owner should look at.

import * as api from './api.js';
import { present } from './dialog.js';
import { h, toast } from './dom.js';

const STATES = {
  disabled: 'switched off', idle: 'starts when needed', starting: 'starting', ready: 'running', failed: 'failed',
};

/** Shows the servers in a dialog. */
export async function showMcpServers() {
  const list = h('div', { className: 'servers' });
  const dialog = h('dialog', { className: 'dialog dialog-wide', 'aria-labelledby': 'dialog-title' },
    h('h2', { id: 'dialog-title' }, 'MCP servers'), list,
    h('form', { method: 'dialog', className: 'dialog-actions' },
      h('button', { className: 'button', value: 'no', autofocus: true }, 'Close')));
  const refresh = async () => {
    try {
      const { items, problem } = await api.listMcpServers();
      list.replaceChildren(
        problem ? h('p', { className: 'server-warning' }, problem) : '',
        ...items.map((server) => entry(server, refresh)),
        items.length ? '' : h('p', {}, 'There are none. Add one with “livos mcp add”, or in mcp.json.'));
    } catch (error) {
      list.replaceChildren(h('p', {}, error.message));
    }
  };
  await refresh();
  present(dialog, () => {});
}

function entry(server, refresh) {
  const offered = server.tools.filter((tool) => tool.state === 'offered').length;
  const act = (work) => async (event) => {
    event.currentTarget.disabled = true;
    try {
      await work();
    } catch (error) {
      toast(error.message);
    }
    await refresh();
  };
  return h('section', { className: 'server', 'aria-label': server.name },
    h('div', { className: 'server-head' },
      h('strong', {}, server.name),
      h('span', { className: `server-state server-${server.state}` }, STATES[server.state] ?? server.state),
      server.enabled && h('button', {
        type: 'button', className: 'ghost', onclick: act(() => api.restartMcpServer(server.name)),
      }, 'Restart')),
    server.error && h('p', { className: 'server-warning' }, server.error),
    server.warnings.map((warning) => h('p', { className: 'server-warning' }, warning)),
    server.tools.some((tool) => tool.state === 'changed' || tool.state === 'added') && h('button', {
      type: 'button', className: 'button', onclick: act(() => api.approveMcpServer(server.name)),
    }, 'Approve the tools as they are now'),
    server.tools.length > 0 && h('details', {},
      h('summary', {}, offered === 1 ? '1 tool' : `${offered} tools`),
      h('ul', {}, server.tools.map((tool) => h('li', {},
        h('code', {}, tool.tool), ` ${tool.effect.replace('_', ' ')}${tool.state === 'offered' ? '' : `, ${tool.state}`}`)))));
}
