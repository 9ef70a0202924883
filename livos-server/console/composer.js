// Where messages are written: grows with the text, Enter sends, Shift+Enter breaks the line.

import { byId } from './dom.js';
import { icon, stopIcon } from './icons.js';
import { openMenu } from './menu.js';

const TALLEST_PX = 220;

/** What can become of a message that is sent during a run. */
const MODES = [
  { mode: 'steer', icon: 'bolt', label: 'Add to this task', detail: 'read at its next step', hint: 'Add to the running task' },
  { mode: 'queue', icon: 'queue', label: 'Ask next', detail: 'when this task is done', hint: 'Ask when this task is done' },
  { mode: 'interrupt', icon: 'block', label: 'Ask instead', detail: 'stops this task', hint: 'Stop this task and ask' },
];

/** The field and its buttons. */
export class Composer {
  #form = byId('composer');
  #field = byId('message');
  #send = byId('send');
  #stop = byId('stop');
  #modeButton = byId('mode');
  #mode = MODES[0];
  #drafts = new Map();
  #session = null;
  #running = false;
  #actions;

  /** `actions`: `send(text, mode)`, `stop()`; the mode is `steer`, `queue` or `interrupt`. */
  constructor(actions) {
    this.#actions = actions;
    this.#send.append(icon('send', 20));
    this.#stop.append(stopIcon());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#field.addEventListener('input', () => this.#changed());
    this.#field.addEventListener('keydown', (event) => {
      // An input method uses Enter to accept what it offers.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    this.#stop.addEventListener('click', () => this.#actions.stop());
    this.#modeButton.append(icon('chevron', 16));
    this.#modeButton.addEventListener('click', () => this.#chooseMode());
    this.#changed();
  }

  /** Shows the draft of another session. */
  open(session) {
    this.#drafts.set(this.#session, this.#field.value);
    this.#session = session;
    this.put(this.#drafts.get(session) ?? '');
  }

  /** Leaves a text for when another session is shown. */
  draft(session, text) {
    this.#drafts.set(session, text);
  }

  /** The session that was being written to got its id. */
  moved(session) {
    this.#drafts.delete(this.#session);
    this.#session = session;
  }

  /** Puts a text into the field. */
  put(text) {
    this.#field.value = text;
    this.#changed();
  }

  /** Puts the cursor into the field, except where that would open a keyboard on the screen. */
  focus() {
    if (matchMedia('(pointer: fine)').matches) this.#field.focus();
  }

  /** Shows whether a run can be stopped, or is being stopped. */
  running(state) {
    this.#running = state !== 'idle';
    if (!this.#running) this.#mode = MODES[0];
    this.#modeButton.hidden = !this.#running;
    byId('mode-name').textContent = this.#mode.label;
    this.#stop.hidden = !this.#running;
    this.#stop.disabled = state === 'stopping';
    this.#stop.setAttribute('aria-label', state === 'stopping' ? 'Stopping' : 'Stop');
    this.#field.placeholder = this.#running ? this.#mode.hint : 'Message LivOS';
    this.#changed();
  }

  #chooseMode() {
    const items = MODES.map((mode) => ({
      ...mode, checked: mode === this.#mode,
      action: () => {
        this.#mode = mode;
        byId('mode-name').textContent = mode.label;
        this.#field.placeholder = mode.hint;
        this.focus();
      },
    }));
    openMenu(this.#modeButton, items, 'What becomes of a message that is sent now');
  }

  #submit() {
    const text = this.#field.value.trim();
    if (!text) return;
    this.put('');
    this.#actions.send(text, this.#mode.mode);
  }

  #changed() {
    const blank = !this.#field.value.trim();
    this.#send.disabled = blank;
    this.#send.hidden = blank && this.#running;
    this.#field.style.height = 'auto';
    this.#field.style.height = `${Math.min(TALLEST_PX, this.#field.scrollHeight)}px`;
  }
}
