// Where messages are written: grows with the text, Enter sends, Shift+Enter breaks the line.

import { byId } from './dom.js';
import { icon, stopIcon } from './icons.js';

const TALLEST_PX = 220;

/** The field and its buttons. */
export class Composer {
  #form = byId('composer');
  #field = byId('message');
  #send = byId('send');
  #stop = byId('stop');
  #drafts = new Map();
  #session = null;
  #running = false;
  #actions;

  /** `actions`: `send(text)`, `stop()`. */
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
    this.#changed();
  }

  /** Shows the draft of another session. */
  open(session) {
    this.#drafts.set(this.#session, this.#field.value);
    this.#session = session;
    this.put(this.#drafts.get(session) ?? '');
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
    this.#stop.hidden = !this.#running;
    this.#stop.disabled = state === 'stopping';
    this.#stop.setAttribute('aria-label', state === 'stopping' ? 'Stopping' : 'Stop');
    this.#field.placeholder = this.#running ? 'Add to the running task' : 'Message LivOS';
    this.#changed();
  }

  #submit() {
    const text = this.#field.value.trim();
    if (!text) return;
    this.put('');
    this.#actions.send(text);
  }

  #changed() {
    const blank = !this.#field.value.trim();
    this.#send.disabled = blank;
    this.#send.hidden = blank && this.#running;
    this.#field.style.height = 'auto';
    this.#field.style.height = `${Math.min(TALLEST_PX, this.#field.scrollHeight)}px`;
  }
}
