// The list of sessions: the last used first, with search, rename and delete.

import { compactSession, deleteSession, listSessions, renameSession } from './api.js';
import { ask, confirm } from './dialog.js';
import { announce, byId, h, toast } from './dom.js';
import { age, ageGroup, compact } from './format.js';
import { icon } from './icons.js';
import { openMenu } from './menu.js';

/** How long somebody may pause between two letters of a search. */
const TYPING_MS = 200;

/** The list in the drawer. */
export class SessionList {
  #list = byId('sessions');
  #sessions = [];
  #cursor = null;
  #selected = null;
  #renaming = null;
  #loaded = false;
  #search = byId('search');
  /** What the words in the field brought: `{words, items, cursor}`. */
  #found = null;
  #typing = null;
  #actions;

  /** `actions`: `deleted(id)`, `changed()`, `reveal()`. */
  constructor(actions) {
    this.#actions = actions;
    this.#search.addEventListener('input', () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#look(), TYPING_MS);
    });
    this.#search.addEventListener('keydown', (event) => {
      // Escape empties the field, and must not stop a run as well.
      if (event.key !== 'Escape' || !this.#search.value) return;
      event.preventDefault();
      event.stopPropagation();
      this.#search.value = '';
      this.#look();
    });
    setInterval(() => this.#render(), 60_000);
  }

  /** Reads the first page again; pages read before it stay. */
  async refresh() {
    const page = await listSessions();
    // What was used later than the end of this page but is not on it was deleted elsewhere.
    const end = page.next_cursor ? lastUse(page.items.at(-1)) : -1;
    const listed = new Set(page.items.map((session) => session.id));
    const older = this.#sessions.filter((session) => lastUse(session) <= end && !listed.has(session.id));
    this.#sessions = [...page.items, ...older];
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
    return [...this.#sessions, ...this.#found?.items ?? []].find((session) => session.id === id);
  }

  /** The menu of a session. */
  menu(anchor, session) {
    openMenu(anchor, [
      { label: 'Rename', icon: 'pencil', action: () => this.#startRename(session.id) },
      { label: 'Make shorter', icon: 'compress', action: () => this.#compact(session) },
      { label: 'Delete', icon: 'trash', tone: 'danger', action: () => this.#delete(session) },
    ], `Actions for ${titleOf(session)}`);
  }

  #render() {
    if (this.#renaming || this.#list.querySelector('[aria-expanded="true"]')) return;
    this.#sessions.sort((one, other) => lastUse(other) - lastUse(one));
    const { items, cursor } = this.#found ?? { items: this.#sessions, cursor: this.#cursor };
    const nodes = [];
    let group = null;
    for (const session of items) {
      const heading = ageGroup(session.updated_at ?? session.created_at);
      if (heading !== group) nodes.push(h('li', { className: 'session-group' }, heading));
      group = heading;
      nodes.push(this.#item(session));
    }
    if (cursor) {
      nodes.push(h('li', {}, h('button', { type: 'button', className: 'ghost more', onclick: () => this.#more() }, 'Show older')));
    }
    if (this.#loaded && !items.length) {
      const none = this.#found ? `Nothing mentions “${this.#found.words}”.` : 'Your conversations will be listed here.';
      nodes.push(h('li', { className: 'session-none' }, none));
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

  async #look() {
    const words = this.#search.value.trim();
    if (!words) {
      this.#found = null;
      this.#render();
      return;
    }
    try {
      const { items, next_cursor: cursor = null } = await listSessions({ words });
      // Somebody typed on meanwhile.
      if (this.#search.value.trim() !== words) return;
      this.#found = { words, items, cursor };
      announce(items.length === 1 ? '1 conversation found' : `${items.length}${cursor ? ' or more' : ''} conversations found`);
    } catch (error) {
      toast(`The conversations were not searched. ${error.message}`);
    }
    this.#render();
  }

  async #compact(session) {
    const wishes = await ask({
      title: 'Make this conversation shorter?',
      text: 'The model will read a summary in place of the older messages. You will still see all of them.',
      label: 'What the summary should keep',
      placeholder: 'Nothing in particular',
      action: 'Make shorter',
    });
    if (wishes === null) return;
    toast('Summing up the older messages …', 'info');
    try {
      const saved = await compactSession(session.id, wishes);
      const { tokens_before: before, tokens_after: after, saved_percent: percent } = saved;
      toast(saved.seq
        ? `The conversation is ${percent} % shorter for the model: ${compact(before)} → ${compact(after)} tokens.`
        : 'There is nothing to sum up yet.', 'info');
    } catch (error) {
      const problem = error.status === 409 ? 'It is being answered; wait until that is done, or stop it.' : error.message;
      toast(`The conversation was not made shorter. ${problem}`);
    }
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
    if (this.#found) this.#found.items = this.#found.items.filter((other) => other.id !== session.id);
    this.#render();
    this.#actions.deleted(session.id);
  }

  async #more() {
    const found = this.#found;
    try {
      const page = await listSessions({ cursor: found?.cursor ?? this.#cursor, words: found?.words });
      const items = found?.items ?? this.#sessions;
      const known = new Set(items.map((session) => session.id));
      items.push(...page.items.filter((session) => !known.has(session.id)));
      if (found) found.cursor = page.next_cursor ?? null;
      else this.#cursor = page.next_cursor ?? null;
    } catch (error) {
      toast(`Older conversations could not be read. ${error.message}`);
    }
    this.#render();
  }
}

const lastUse = (session) => Date.parse(session.updated_at ?? session.created_at) || 0;

/** A session's title, or what stands in for it. */
export function titleOf(session) {
  return session?.title?.trim() || 'New chat';
}
