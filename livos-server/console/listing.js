// Lists of the pages: read part by part, kept up to date, with what is said when there is nothing or something failed.

import { h, toast } from './dom.js';
import { icon } from './icons.js';

const PAGE = 50;
/** The most that the API gives at a time. */
const MOST = 200;

/** A list of what `load({cursor, limit})` answers, `{items, next_cursor?}`; `row(item)` shows one, `none()` says that there is nothing. */
export class Listing {
  element;
  #list;
  #more = h('button', { type: 'button', className: 'button more', hidden: true, onclick: () => this.#readMore() }, 'Show more');
  #note = h('div', { className: 'list-note' });
  #options;
  #items = [];
  #cursor = null;
  #rows = new Map();
  #reading = 0;
  /** What stands in for what had the focus and was shown anew. */
  #held = null;

  constructor(options) {
    this.#options = options;
    this.#list = h('ul', { className: 'rows', 'aria-label': options.label, 'aria-busy': 'true', tabIndex: -1 });
    this.element = h('div', { className: 'listing' }, this.#note, this.#list, this.#more);
    this.#list.append(...[0, 1, 2].map(() => h('li', { className: 'row row-loading', 'aria-hidden': 'true' })));
  }

  /** What is shown now. */
  get items() {
    return this.#items;
  }

  /** Reads from the start again, as much as is shown. */
  async refresh() {
    const limit = Math.min(MOST, Math.max(PAGE, this.#items.length));
    await this.#read({ limit }, (items) => items);
  }

  #readMore() {
    return this.#read({ limit: PAGE, cursor: this.#cursor }, (items) => {
      const known = new Set(this.#items.map(({ id }) => id));
      return [...this.#items, ...items.filter(({ id }) => !known.has(id))];
    });
  }

  async #read(part, joined) {
    const reading = this.#reading += 1;
    try {
      const { items, next_cursor: cursor = null } = await this.#options.load(part);
      // What was asked for later counts.
      if (reading !== this.#reading) return;
      this.#items = joined(items);
      this.#cursor = cursor;
      this.#note.replaceChildren();
      this.#show();
    } catch (error) {
      if (reading === this.#reading && error.status !== 401) this.#failed(error);
    }
  }

  #failed(error) {
    const again = h('button', { type: 'button', className: 'button', onclick: () => this.refresh() }, icon('retry', 16), 'Try again');
    const text = this.#rows.size ? `This may be out of date. ${error.message}` : error.message;
    this.#note.replaceChildren(h('div', { className: 'list-failed', role: 'alert' }, icon('alert', 20), h('p', {}, text), again));
    this.#list.querySelectorAll('.row-loading').forEach((row) => row.remove());
    this.#list.setAttribute('aria-busy', 'false');
  }

  #show() {
    const rows = new Map();
    for (const item of this.#items) {
      const shape = JSON.stringify(item);
      const old = this.#rows.get(item.id);
      rows.set(item.id, old?.shape === shape ? old : { shape, element: this.#row(item, old?.element) });
    }
    const held = this.#list.contains(document.activeElement);
    const nodes = [...rows.values()].map(({ element }) => element);
    if (!nodes.length) nodes.push(h('li', { className: 'row-none' }, this.#options.none()));
    // Only what changed is touched, so that what somebody has in hand stays there.
    nodes.forEach((node, at) => {
      if (this.#list.children[at] !== node) this.#list.insertBefore(node, this.#list.children[at] ?? null);
    });
    while (this.#list.children.length > nodes.length) this.#list.lastChild.remove();
    if (held && !this.#list.contains(document.activeElement)) (this.#held ?? this.#list).focus();
    this.#held = null;
    this.#rows = rows;
    this.#more.hidden = !this.#cursor;
    this.#list.setAttribute('aria-busy', 'false');
  }

  #row(item, old) {
    const element = this.#options.row(item);
    if (!old) return element;
    const open = [...old.querySelectorAll('details')].map((details) => details.open);
    element.querySelectorAll('details').forEach((details, at) => { details.open = open[at] ?? false; });
    if (old.contains(document.activeElement)) {
      const label = document.activeElement.getAttribute('aria-label') ?? '';
      const place = element.querySelector(`[aria-label="${CSS.escape(label)}"]`);
      if (label && place) this.#held = place;
    }
    return element;
  }
}

/** One entry: what it is, what is to know of it, what can be done. `parts`: `{title, facts, body, actions, tone}`. */
export function row({ title, facts, body, actions, tone = '' }) {
  return h('li', { className: `row ${tone}` },
    h('div', { className: 'row-text' }, h('div', { className: 'row-title' }, title), facts && factLine(facts), body),
    actions && h('div', { className: 'row-actions' }, actions));
}

/** Small facts on a line. */
export function factLine(facts) {
  const shown = facts.filter((fact) => fact !== null && fact !== undefined && fact !== false && fact !== '');
  return h('div', { className: 'row-facts' }, shown.map((fact) => (fact instanceof Node ? fact : h('span', {}, fact))));
}

/** A button with an icon that does something with an entry; `label` says what, `what` with which. */
export function act(label, glyph, what, work) {
  return h('button', {
    type: 'button', className: 'icon-button', title: label, 'aria-label': `${label}: ${what.slice(0, 80)}`,
    onclick: (event) => attempt(event.currentTarget, work),
  }, icon(glyph, 16));
}

/** Does something a button is for, once at a time; what goes wrong is said. */
export async function attempt(button, work) {
  // A button that is disabled would lose the focus, to which a dialog on the way gives back.
  if (button.ariaBusy === 'true') return;
  button.ariaBusy = 'true';
  try {
    await work();
  } catch (error) {
    if (error.status !== 401) toast(error.message);
  } finally {
    button.ariaBusy = 'false';
  }
}

/** What stands at the top of a page: what it is about, and what one does first. */
export function lead(text, action) {
  return h('div', { className: 'lead' }, h('p', {}, text), action);
}

/** A button that makes something new. */
export function makeButton(label, work) {
  return h('button', { type: 'button', className: 'button primary', onclick: (event) => attempt(event.currentTarget, work) }, icon('plus', 16), label);
}

/** What a page says where there is nothing to show. */
export function nothing(glyph, title, text, action) {
  return h('div', { className: 'nothing' }, icon(glyph, 24), h('strong', {}, title), text && h('p', {}, text), action);
}

/** A choice among a few that narrows a list. */
export function filter(label, choices, changed, chosen = '') {
  const select = h('select', { className: 'field filter', 'aria-label': label, onchange: () => changed(select.value) },
    choices.map(([value, title]) => h('option', { value, selected: value === chosen }, title)));
  return select;
}

/** Something that is read when somebody opens it: `read()` answers with what is shown, and is asked again after a failure. */
export function readWhenOpened(label, read) {
  const place = h('div', {});
  let state = 'unread';
  const look = async () => {
    if (!details.open || state !== 'unread') return;
    state = 'reading';
    try {
      place.replaceChildren(await read());
      state = 'read';
    } catch (error) {
      place.replaceChildren(h('p', { className: 'row-failure' }, error.message));
      state = 'unread';
    }
  };
  const details = h('details', { className: 'more-of', ontoggle: look }, h('summary', {}, icon('chevron', 16), label), place);
  return details;
}

/** A text that is cut where it is long, and shown whole when asked. */
export function cut(text, most = 280) {
  if (text.length <= most) return h('p', { className: 'cut' }, text);
  const shown = h('span', {}, `${text.slice(0, most)}…`);
  const more = h('button', { type: 'button', className: 'ghost', onclick: () => {
    shown.textContent = text;
    more.remove();
  } }, 'Show all');
  return h('p', { className: 'cut' }, shown, ' ', more);
}
