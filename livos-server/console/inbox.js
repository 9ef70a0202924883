// What waits for the owner in all conversations: a count, and the way to each.

import { announce, byId, h } from './dom.js';
import { icon } from './icons.js';
import { openMenu } from './menu.js';
import { approvals } from './resources.js';

/** How often it is looked for what other conversations ask, while somebody looks. */
const LOOK_EVERY_MS = 15_000;
/** How many requests the menu shows. */
const SHOWN = 20;

/** The button in the header. */
export class Inbox {
  #button = byId('inbox');
  #count = h('span', { className: 'count' });
  #waiting = [];
  #timer = null;

  /** `open(session)` shows a conversation. */
  constructor(open) {
    this.#button.append(icon('hand', 20), this.#count);
    this.#button.addEventListener('click', () => this.#menu(open));
    setInterval(() => {
      if (!document.hidden && document.body.dataset.view === 'console') this.refresh();
    }, LOOK_EVERY_MS);
  }

  /** Looks soon, once for many causes. */
  refreshSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), 100);
  }

  /** Looks at what waits. */
  async refresh() {
    try {
      const { items } = await approvals.list({ status: 'pending', limit: 100 });
      if (items.length > this.#waiting.length) announce(`${items.length} waiting for you`);
      this.#waiting = items;
    } catch {
      return; // The next look finds it; that the server is away is shown elsewhere.
    }
    const count = this.#waiting.length;
    this.#button.hidden = count === 0;
    this.#count.textContent = count > 99 ? '99+' : String(count);
    const label = count === 1 ? 'One request waits for you' : `${count} requests wait for you`;
    this.#button.setAttribute('aria-label', label);
    this.#button.title = label;
  }

  #menu(open) {
    const items = this.#waiting.slice(0, SHOWN).map((approval) => ({
      label: approval.question?.text ?? `Allow ${approval.tool}?`,
      icon: 'hand',
      action: () => open(approval.session_id),
    }));
    items.push({ label: 'All approvals', icon: 'chevron', action: () => { location.hash = '#/approvals'; } });
    openMenu(this.#button, items, 'Waiting for you');
  }
}
