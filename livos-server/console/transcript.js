// The transcript of a session: a projection of its events, painted once per frame.

import { announce, byId, h } from './dom.js';
import { CompactionEntry } from './compaction.js';
import { icon } from './icons.js';
import { readEvents } from './api.js';
import { RunView, messageText, userBubble } from './run_view.js';

/** How many journal entries are shown at first, and fetched at a time when scrolling up. */
export const PAGE_ENTRIES = 1_000;
const NEAR_END_PX = 80;
const NEAR_START_PX = 400;

/** Shows one session at a time. */
export class Transcript {
  #scroller = byId('scroller');
  #list = byId('transcript');
  #jump = byId('jump');
  #actions;
  #session = null;
  #runs = new Map();
  #headless = new Map();
  #queue = [];
  #pending = [];
  #frame = 0;
  #follow = true;
  #lastTop = 0;
  #lastHeight = 0;
  #first = 0;
  #loadingEarlier = false;
  #going = new Going();

  /** `actions`: `again(text)`, `fork(seq, text)`, `decide(...)`, `changed()`, `runFinished(event)`. */
  constructor(actions) {
    this.#actions = actions;
    this.#scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    this.#jump.addEventListener('click', () => this.toEnd());
    this.#jump.append(icon('down', 20));
    // Whoever opens a card wants to read it, not to be taken to the end.
    this.#list.addEventListener('click', (event) => {
      if (event.target.closest('summary')) this.#follow = false;
    });
    new ResizeObserver(() => {
      if (this.#follow) this.toEnd();
    }).observe(this.#list);
    setInterval(() => this.#tick(), 1000);
  }

  /** Starts over with a session. */
  open(session) {
    this.#session = session;
    this.#first = 0;
    this.#runs.clear();
    this.#headless.clear();
    this.#going = new Going();
    this.#queue = [];
    this.#pending = [];
    this.#list.replaceChildren();
    this.#list.classList.add('replaying');
    this.#follow = true;
    this.#jump.hidden = true;
  }

  /** Says that the entries up to this one are not going to come by themselves. */
  startAfter(first) {
    this.#first = first;
  }

  /** The run that is going on, or waits longest; nothing when all are done. */
  get activeRun() {
    for (const run of this.#runs.values()) if (!run.finished) return run.id;
    return null;
  }

  /** Whether there is nothing to see. */
  get empty() {
    return this.#runs.size === 0 && this.#pending.length === 0;
  }

  /** Takes an event in; it is shown with the next frame. */
  push(event) {
    this.#queue.push(event);
    this.#schedule();
  }

  /** The server repeats the open message. */
  restart() {
    this.push({ type: 'stream_restarted' });
  }

  /** Shows a message that is on its way to the server. */
  addPending(text, label = '') {
    const element = userBubble(text, label);
    element.classList.add('pending');
    const pending = { text: text.trim(), element };
    this.#pending.push(pending);
    this.#list.append(element);
    this.toEnd();
    return pending;
  }

  /** The message did not reach the server. */
  dropPending(pending) {
    this.#pending = this.#pending.filter((other) => other !== pending);
    pending.element.remove();
  }

  /** Scrolls to the newest message and stays there. */
  toEnd() {
    this.#follow = true;
    if (this.empty) return;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#jump.hidden = true;
  }

  #schedule() {
    if (this.#frame) return;
    // Hidden pages get no frames, but their queue must not grow without bound.
    this.#frame = document.hidden
      ? setTimeout(() => this.#paint(), 250)
      : requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    this.#frame = 0;
    const events = this.#queue;
    this.#queue = [];
    const touched = new Set();
    for (const event of events) this.#apply(event, touched);
    for (const run of touched) run.paint();
    for (const { element } of this.#pending) this.#list.append(element);
    if (this.#follow) this.toEnd();
    this.#list.classList.remove('replaying');
    this.#actions.changed();
  }

  #apply(event, touched) {
    if (event.type === 'stream_restarted') {
      for (const run of this.#runs.values()) if (!run.finished) run.restart();
      return;
    }
    if (event.type === 'run_admitted') this.#adopt(event.input);
    if (event.type === 'input_joined') this.#adopt(event.message);
    this.#going.note(event);
    const run = this.#run(event);
    this.#headless.get(event.run_id)?.push(event);
    run.apply(event);
    touched.add(run);
    if (event.type === 'run_finished') this.#finished(event);
  }

  #run(event) {
    const id = viewOf(event);
    if (!this.#runs.has(id)) {
      const run = newView(event, this.#actions);
      this.#runs.set(id, run);
      this.#list.append(run.element);
      // The window starts in the middle of this run; it is shown anew when its begin was read.
      if (!isWhole(event)) this.#headless.set(id, []);
    }
    return this.#runs.get(id);
  }

  // The journal now has the message, so the copy that stood in for it goes.
  #adopt(message) {
    const text = messageText(message).trim();
    const pending = this.#pending.find((candidate) => candidate.text === text);
    if (pending) this.dropPending(pending);
  }

  #finished(event) {
    const fresh = Date.now() - (Date.parse(event.at) || 0) < 10_000;
    if (fresh) announce(event.status === 'completed' ? event.text.slice(0, 2000) : `The run ended: ${event.status}`);
    this.#actions.runFinished(event);
  }

  #tick() {
    const now = Date.now();
    for (const run of this.#runs.values()) run.tick(now);
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    // Only a person scrolls up while the content stays as high as it was.
    if (atEnd) this.#follow = true;
    else if (scrollTop < this.#lastTop && scrollHeight >= this.#lastHeight) this.#follow = false;
    this.#lastTop = scrollTop;
    this.#lastHeight = scrollHeight;
    this.#jump.hidden = atEnd;
    if (scrollTop < NEAR_START_PX && this.#first > 0) this.#loadEarlier();
  }

  // Earlier entries are built aside and then put above, with the scroll position kept.
  async #loadEarlier() {
    if (this.#loadingEarlier) return;
    this.#loadingEarlier = true;
    const session = this.#session;
    const until = this.#first;
    const after = Math.max(0, until - PAGE_ENTRIES);
    const note = h('div', { className: 'loading-earlier' }, h('span', { className: 'spinner' }), 'Loading earlier messages');
    this.#list.prepend(note);
    try {
      const events = await readEvents(session, after, until);
      if (session === this.#session) this.#prepend(events, after);
    } catch {
      // Scrolling up again tries again.
    } finally {
      note.remove();
      this.#loadingEarlier = false;
    }
  }

  #prepend(events, after) {
    const height = this.#scroller.scrollHeight;
    const above = [];
    const going = new Going();
    for (const event of events) going.note(event);
    for (const [id, earlier] of byRun(events)) {
      const known = this.#headless.get(id) ?? [];
      const whole = [...earlier, ...known];
      const run = newView(earlier[0], this.#actions);
      for (const event of whole) run.apply(event);
      run.paint();
      this.#headless.delete(id);
      if (!isWhole(earlier[0])) this.#headless.set(id, whole);
      if (known.length) this.#runs.get(id).element.replaceWith(run.element);
      else above.push(run.element);
      this.#runs.set(id, run);
    }
    this.#list.prepend(...above);
    this.#scroller.scrollTop += this.#scroller.scrollHeight - height;
    this.#first = after;
  }
}

function byRun(events) {
  const runs = new Map();
  for (const event of events) {
    const id = viewOf(event);
    if (!runs.has(id)) runs.set(id, []);
    runs.get(id).push(event);
  }
  return runs;
}

/** Whether somebody asked for this between two runs: then it is in the name of the run before. */
const isBetweenRuns = (event) => event.type === 'compacted' && event.reason === 'requested';

/** The key of the view that shows an event. */
const viewOf = (event) => (isBetweenRuns(event) ? `compaction-${event.seq}` : event.run_id);

/** Whether a view that begins with this event lacks nothing. */
const isWhole = (event) => event.type === 'run_admitted' || isBetweenRuns(event);

function newView(event, actions) {
  const id = viewOf(event);
  return isBetweenRuns(event) ? new CompactionEntry(id) : new RunView(id, actions);
}

/** Knows whether a run was going on when another was admitted. */
class Going {
  #runs = new Set();

  /** Takes an event in; an admission gets `quiet`. */
  note(event) {
    if (event.type === 'run_admitted') event.quiet = this.#runs.size === 0;
    if (event.type === 'run_finished') this.#runs.delete(event.run_id);
    else if (!isBetweenRuns(event)) this.#runs.add(event.run_id);
  }
}
