// The live end of a session: an EventSource that resumes where it was, with back-off.

import { address, probe } from './api.js';

/** The kinds of event the console shows. Others are not subscribed to and so ignored. */
const KINDS = [
  'run_admitted', 'run_started', 'turn_started', 'thinking_delta', 'text_delta', 'tool_call_delta',
  'assistant_message', 'tool_started', 'tool_progress', 'tool_finished', 'approval_requested', 'approval_resolved',
  'provider_retry', 'provider_switched', 'compacted', 'subagent_started', 'subagent_finished', 'input_joined',
  'memories_recalled',
  'run_finished',
];

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 15_000;
const STABLE_AFTER_MS = 5_000;
const CLOSE_HIDDEN_AFTER_MS = 60_000;

/**
 * Follows one session from an entry on.
 *
 * `onEvent` gets every event once and in order, `onRestart` is called when the
 * server is about to repeat the partial message, `onState` with
 * `{kind: 'connecting' | 'open' | 'waiting', retryAt?}`.
 */
export class EventStream {
  #session;
  #after;
  #handlers;
  #source = null;
  #timer = null;
  #failures = 0;
  #closed = false;
  #seen = false;
  #hiddenTimer = null;
  #wake = () => this.retryNow();
  #visibility = () => this.#visibilityChanged();

  constructor(session, after, handlers) {
    this.#session = session;
    this.#after = after;
    this.#handlers = handlers;
    window.addEventListener('online', this.#wake);
    document.addEventListener('visibilitychange', this.#visibility);
    this.#connect();
  }

  /** The last journal entry that was handed on. */
  get position() {
    return this.#after;
  }

  /** Connects at once instead of waiting for the back-off to pass. */
  retryNow() {
    if (this.#closed || this.#source?.readyState === EventSource.OPEN) return;
    this.#disconnect();
    this.#connect();
  }

  /** Ends it for good. */
  close() {
    this.#closed = true;
    this.#disconnect();
    clearTimeout(this.#hiddenTimer);
    window.removeEventListener('online', this.#wake);
    document.removeEventListener('visibilitychange', this.#visibility);
  }

  #connect() {
    this.#handlers.onState({ kind: 'connecting' });
    const url = address(`api/sessions/${encodeURIComponent(this.#session)}/events`);
    url.searchParams.set('after', this.#after);
    const source = new EventSource(url);
    this.#source = source;
    let openedAt = 0;
    source.addEventListener('open', () => {
      openedAt = Date.now();
      if (this.#seen) this.#handlers.onRestart();
      this.#seen = true;
      this.#handlers.onState({ kind: 'open' });
    });
    source.addEventListener('error', () => {
      if (source !== this.#source) return;
      if (openedAt && Date.now() - openedAt > STABLE_AFTER_MS) this.#failures = 0;
      this.#reconnect();
    });
    for (const kind of KINDS) source.addEventListener(kind, (message) => this.#receive(message));
  }

  #receive(message) {
    let event;
    try {
      event = JSON.parse(message.data);
    } catch {
      return;
    }
    if (event.seq !== undefined) {
      if (event.seq <= this.#after) return;
      this.#after = event.seq;
    } else if (event.after !== undefined && event.after < this.#after) {
      return;
    }
    this.#handlers.onEvent(event);
  }

  // The browser would reconnect by itself, but at a fixed pace, and never after
  // an answer that is not 200; so each failure gets a new source.
  async #reconnect() {
    this.#disconnect();
    const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures) * (0.75 + Math.random() / 2);
    this.#failures += 1;
    this.#handlers.onState({ kind: 'waiting', retryAt: Date.now() + delay });
    this.#timer = setTimeout(() => this.#connect(), delay);
    // An EventSource does not tell a refused login from a dead network; a plain request does.
    if (await probe() === 'unauthorised') this.close();
  }

  #disconnect() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  // Browsers allow six connections to a server; tabs nobody looks at give theirs back.
  #visibilityChanged() {
    clearTimeout(this.#hiddenTimer);
    if (document.hidden) this.#hiddenTimer = setTimeout(() => this.#disconnect(), CLOSE_HIDDEN_AFTER_MS);
    else this.retryNow();
  }
}
