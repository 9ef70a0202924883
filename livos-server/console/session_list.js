// The list of sessions: newest first, with rename and delete.

import { deleteSession, listSessions, renameSession } from './api.js';
import { confirm } from './dialog.js';
import { byId, h, toast } from './dom.js';
import { age, ageGroup } from './format.js';
import { icon } from './icons.js';
import { openMenu } from './menu.js';

/** The list in the drawer. */
export class SessionList {
  #list = byId('sessions');
  #sessions = [];
  #cursor = null;
  #selected = null;
  #renaming = null;
  #loaded = false;
  #actions;

  /** `actions`: `deleted(id)`, `changed()`, `reveal()`. */
  constructor(actions) {
    this.#actions = actions;
    setInterval(() => this.#render(), 60_000);
  }

  /** Reads the first page again; pages read before it stay. */
  async refresh() {
    const page = await listSessions();
    // Ids sort by creation, as pages do: what would be on this page but is not was deleted elsewhere.
    const end = page.next_cursor ? page.items.at(-1).id : '';
    this.#sessions = [...page.items, ...this.#sessions.filter((session) => session.id < end)];
    if (!this.#loaded) this.#cursor = page.next_cursor ?? null;
    this.#loaded = true;
    this.#render();
  }

  /** Puts a new session on top without asking the server. */
  add(session) {
    this.#sessions = [session, ...this.#sessions.filter((other) => other.id !== session.id)];
    this.#render();
  }

  /** Marks the session that is shown. */
  select(id) {
    this.#selected = id;
    this.#render();
  }

  /** What is known of a session. */
  get(id) {
    return this.#sessions.find((session) => session.id === id);
  }

  /** The menu of a session. */
  menu(anchor, session) {
    openMenu(anchor, [
      { label: 'Rename', icon: 'pencil', action: () => this.#startRename(session.id) },
      { label: 'Delete', icon: 'trash', tone: 'danger', action: () => this.#delete(session) },
    ], `Actions for ${titleOf(session)}`);
  }

  #render() {
    if (this.#renaming || this.#list.querySelector('[aria-expanded="true"]')) return;
    this.#sessions.sort((one, other) => Date.parse(other.updated_at) - Date.parse(one.updated_at));
    const nodes = [];
    let group = null;
    for (const session of this.#sessions) {
      const heading = ageGroup(session.updated_at ?? session.created_at);
      if (heading !== group) nodes.push(h('li', { className: 'session-group' }, heading));
      group = heading;
      nodes.push(this.#item(session));
    }
    if (this.#cursor) {
      nodes.push(h('li', {}, h('button', { type: 'button', className: 'ghost more', onclick: () => this.#more() }, 'Show older')));
    }
    if (this.#loaded && !this.#sessions.length) {
      nodes.push(h('li', { className: 'session-none' }, 'Your conversations will be listed here.'));
    }
    this.#list.replaceChildren(...nodes);
  }

  #item(session) {
    const title = titleOf(session);
    const current = session.id === this.#selected;
    const menu = h('button', {
      type: 'button', className: 'session-menu', 'aria-label': `Actions for ${title}`, 'aria-haspopup': 'menu',
      'aria-expanded': 'false',
    }, icon('more', 16));
    menu.addEventListener('click', () => this.menu(menu, session));
    const link = h('a', { className: 'session-link', href: `#/s/${session.id}`, title },
      h('span', { className: 'session-title' }, title), h('span', { className: 'session-age' }, age(session.updated_at ?? session.created_at)));
    if (current) link.setAttribute('aria-current', 'page');
    const item = h('li', { className: 'session' }, link, menu);
    item.dataset.id = session.id;
    return item;
  }

  #startRename(id) {
    this.#actions.reveal();
    const session = this.get(id);
    const item = this.#list.querySelector(`[data-id="${CSS.escape(id)}"]`);
    if (!session || !item) return;
    const field = h('input', { className: 'field rename', value: titleOf(session), maxLength: 120, 'aria-label': 'Title' });
    const finish = async (keep) => {
      if (this.#renaming !== field) return;
      this.#renaming = null;
      const title = field.value.trim();
      if (keep && title && title !== session.title) await this.#rename(session, title);
      this.#render();
    };
    field.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== 'Escape') return;
      event.preventDefault();
      event.stopPropagation();
      finish(event.key === 'Enter');
    });
    field.addEventListener('blur', () => finish(true));
    this.#renaming = field;
    item.replaceChildren(field);
    field.focus();
    field.select();
  }

  async #rename(session, title) {
    const before = session.title;
    session.title = title;
    this.#actions.changed();
    try {
      await renameSession(session.id, title);
    } catch (error) {
      session.title = before;
      this.#actions.changed();
      toast(`The title was not changed. ${error.message}`);
    }
  }

  async #delete(session) {
    const agreed = await confirm({
      title: 'Delete this conversation?',
      text: `“${titleOf(session)}” and everything in it will be removed. This cannot be undone.`,
      action: 'Delete',
    });
    if (!agreed) return;
    try {
      await deleteSession(session.id);
    } catch (error) {
      if (error.status !== 404) {
        toast(`The conversation was not deleted. ${error.message}`);
        return;
      }
    }
    this.#sessions = this.#sessions.filter((other) => other.id !== session.id);
    this.#render();
    this.#actions.deleted(session.id);
  }

  async #more() {
    try {
      const page = await listSessions(this.#cursor);
      const known = new Set(this.#sessions.map((session) => session.id));
      this.#sessions.push(...page.items.filter((session) => !known.has(session.id)));
      this.#cursor = page.next_cursor ?? null;
    } catch (error) {
      toast(`Older conversations could not be read. ${error.message}`);
    }
    this.#render();
  }
}

/** A session's title, or what stands in for it. */
export function titleOf(session) {
  return session?.title?.trim() || 'New chat';
}
