// The pages beside the conversations: which there are, and the one that is open.

import { byId, h } from './dom.js';
import { icon } from './icons.js';

/** By the name in the address, in the order of the menu. A page is loaded when somebody goes there. */
const PAGES = {
  tasks: { title: 'Tasks', glyph: 'queue', load: () => import('./tasks.js') },
  schedules: { title: 'Schedules', glyph: 'clock', load: () => import('./schedules.js') },
  agents: { title: 'Agents', glyph: 'branch', load: () => import('./agents.js') },
  memory: { title: 'Memory', glyph: 'bookmark', load: () => import('./memory.js') },
  approvals: { title: 'Approvals', glyph: 'hand', load: () => import('./approvals.js') },
  mcp: { title: 'MCP servers', glyph: 'plug', load: () => import('./mcp_servers.js') },
  secrets: { title: 'Secrets', glyph: 'key', load: () => import('./secrets.js') },
  usage: { title: 'Usage', glyph: 'chart', load: () => import('./usage.js') },
};

/** One page while it is open, as its `open(page)` gets it: `host` is where it goes. */
class Page {
  host = byId('page-body');
  #timers = [];

  /** Does something now and again while somebody looks; the page's own wish to be current. */
  keep(refresh, everyMs) {
    refresh();
    const look = () => {
      if (!document.hidden) refresh();
    };
    this.#timers.push(setInterval(look, everyMs));
    this.refresh = look;
  }

  close() {
    this.#timers.forEach(clearInterval);
    this.refresh = null;
    this.host.replaceChildren();
  }
}

/** Opens pages in the place of a conversation. */
export class Pages {
  #page = null;
  #links = new Map();

  constructor() {
    for (const [name, { title, glyph }] of Object.entries(PAGES)) {
      const link = h('a', { className: 'ghost', href: `#/${name}`, id: `to-${name}` }, icon(glyph, 16), title);
      this.#links.set(name, link);
      byId('pages').append(h('li', {}, link));
    }
    for (const cause of ['focus', 'online']) window.addEventListener(cause, () => this.#page?.refresh?.());
  }

  /** Whether there is a page of this name. */
  has(name) {
    return Object.hasOwn(PAGES, name);
  }

  /** Shows a page, or none; answers with its title. */
  show(name) {
    this.#page?.close();
    this.#page = null;
    for (const [other, link] of this.#links) {
      if (other === name) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    byId('page').hidden = !name;
    if (!name) return null;
    this.#page = new Page();
    this.#open(this.#page, name);
    byId('page').scrollTop = 0;
    byId('page').focus();
    return PAGES[name].title;
  }

  async #open(page, name) {
    try {
      const { open } = await PAGES[name].load();
      if (page === this.#page) open(page);
    } catch {
      if (page !== this.#page) return;
      const again = h('button', { type: 'button', className: 'button', onclick: () => location.reload() }, icon('retry', 16), 'Reload');
      page.host.replaceChildren(h('div', { className: 'list-failed', role: 'alert' }, icon('alert', 20), h('p', {}, 'The page could not be loaded.'), again));
    }
  }
}
