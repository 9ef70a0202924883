// One tool call: its name, arguments, progress, result and how it ended.

import { h } from './dom.js';
import { clock, duration } from './format.js';
import { icon, toolIcon } from './icons.js';
import { codeBlock, copyButton } from './markdown.js';

/** More of a result is shown on request. */
const SHOWN_CHARS = 4_000;
const PROGRESS_LINES = 200;

const ENDS = {
  ok: ['check', 'Done'],
  error: ['alert', 'Failed'],
  denied: ['block', 'Denied'],
  timed_out: ['clock', 'Timed out'],
  cancelled: ['block', 'Cancelled'],
  unknown: ['alert', 'Outcome unknown'],
};

/** The arguments that say most, in this order. */
const TELLING = ['command', 'path', 'url', 'query', 'pattern', 'expression', 'name', 'title', 'task', 'text'];

/** A card that follows one call from its first character to its result. */
export class ToolCard {
  #name;
  #input = null;
  #partial = '';
  #progress = [];
  #result = null;
  #startedAt = 0;
  #built = false;
  #glyph = h('span', { className: 'tool-glyph' });
  #title = h('span', { className: 'tool-name' });
  #hint = h('span', { className: 'tool-hint' });
  #state = h('span', { className: 'tool-state' });
  #line = h('div', { className: 'tool-line', hidden: true });
  #body = h('div', { className: 'tool-body' });

  constructor(name) {
    this.settled = false;
    this.running = false;
    const summary = h('summary', {}, this.#glyph, this.#title, this.#hint, this.#state, icon('chevron', 16));
    this.element = h('details', { className: 'tool', ontoggle: () => this.#toggled() }, summary, this.#body);
    this.wrapper = h('div', { className: 'tool-wrap' }, this.element, this.#line);
    this.#rename(name);
    this.#show('preparing', null, 'Preparing');
  }

  /** The tool's name. */
  get name() {
    return this.#name;
  }

  /** More of the arguments, while the model still writes them. */
  preparing(partialJson) {
    if (this.#input) return;
    this.#partial += partialJson;
    this.#hint.textContent = this.#partial.replace(/\s+/g, ' ').slice(0, 120);
    this.#refresh();
  }

  /** The model's whole arguments. */
  asked(input) {
    this.#input = input;
    this.#hint.textContent = summarise(input);
    this.#refresh();
  }

  /** The call is being made. */
  started({ name, input, effect, at }) {
    this.#rename(name);
    this.asked(input);
    this.element.dataset.effect = effect;
    if (this.settled) return;
    this.running = true;
    this.#startedAt = Date.parse(at) || Date.now();
    this.#show('running', null, 'Running');
  }

  /** What the tool says on its way. */
  progressed(text) {
    this.#progress.push(...text.split('\n').filter((line) => line.trim()));
    this.#progress.splice(0, this.#progress.length - PROGRESS_LINES);
    this.#say(this.#progress.at(-1) ?? '');
    this.#refresh();
  }

  /** The call ended. */
  finished({ name, status, content, duration_ms: took, truncated }) {
    if (name) this.#rename(name);
    this.settled = true;
    this.running = false;
    this.#result = { status, content, truncated };
    const [glyph, label] = ENDS[status] ?? ['info', status];
    this.#show(status, glyph, label, took === undefined ? '' : duration(took));
    this.#say(status === 'ok' ? '' : firstLine(content));
    this.#refresh();
  }

  /** The run is over and this call never ended. */
  abandoned() {
    if (this.settled) return;
    this.running = false;
    this.#show('cancelled', 'block', 'Not run');
  }

  /** Keeps the clock of a running call going. */
  tick(now) {
    if (this.running) this.#state.lastChild.textContent = clock(now - this.#startedAt);
  }

  #rename(name) {
    if (!name || name === this.#name) return;
    this.#name = name;
    const [, server, tool] = /^mcp__(.+?)__(.+)$/.exec(name) ?? [null, '', name];
    this.#title.replaceChildren(tool, server ? h('span', { className: 'tool-server' }, server) : '');
    this.#glyph.replaceChildren(toolIcon(name));
  }

  #show(status, glyph, label, took = '') {
    this.element.dataset.status = status;
    const mark = glyph ? icon(glyph, 16) : h('span', { className: 'spinner', 'aria-hidden': 'true' });
    const quiet = status === 'ok' || !glyph;
    this.#state.replaceChildren(
      mark, h('span', { className: quiet ? 'sr-only' : 'tool-label' }, label), h('span', { className: 'tool-took' }, took));
  }

  #say(text) {
    this.#line.textContent = text.slice(0, 240);
    this.#line.hidden = !text;
  }

  #toggled() {
    if (this.element.open) {
      this.#built = true;
      this.#refresh();
    }
  }

  // A closed card costs nothing: its body is built when somebody looks.
  #refresh() {
    if (!this.#built) return;
    const parts = [section('Arguments', codeBlock(this.#input ? JSON.stringify(this.#input, null, 2) : this.#partial, 'json'))];
    if (this.#progress.length && !this.#result) parts.push(section('Progress', plain(this.#progress.join('\n'))));
    if (this.#result) parts.push(section('Result', resultView(this.#result)));
    this.#body.replaceChildren(...parts);
  }
}

function section(title, content) {
  return h('section', {}, h('div', { className: 'part-title' }, title), content);
}

function plain(text) {
  return h('pre', { className: 'output', tabIndex: 0 }, text);
}

function resultView({ content, truncated }) {
  const blocks = content ?? [];
  const text = blocks.filter((block) => block.type === 'text').map((block) => block.text).join('\n');
  const view = h('div', { className: 'result' });
  if (text) view.append(textResult(text));
  for (const block of blocks) {
    if (block.type === 'image') view.append(imageResult(block));
    else if (block.type === 'document') view.append(h('p', { className: 'note' }, `${block.title ?? 'Document'} (${block.media_type})`));
  }
  if (!view.childNodes.length) view.append(h('p', { className: 'note' }, 'No output'));
  if (truncated) view.append(h('p', { className: 'note' }, 'The output was longer; the tool left some of it out.'));
  return view;
}

function textResult(text) {
  const shown = plain(pretty(text).slice(0, SHOWN_CHARS));
  const box = h('div', { className: 'output-box' }, shown, copyButton(() => text));
  if (text.length <= SHOWN_CHARS) return box;
  const more = h('button', { type: 'button', className: 'ghost' }, `Show all ${text.length.toLocaleString('en')} characters`);
  more.addEventListener('click', () => {
    shown.textContent = pretty(text);
    more.remove();
  });
  box.append(more);
  return box;
}

function pretty(text) {
  if (!/^\s*[{[]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function imageResult({ media_type: type, source }) {
  const note = h('p', { className: 'note' }, `Image (${type})`);
  if (!source?.base64 || !/^image\/(png|jpeg|webp|gif)$/.test(type)) return note;
  // Where the server's content policy forbids images from data, the note stays.
  const picture = h('img', { alt: `Image from the tool (${type})`, src: `data:${type};base64,${source.base64}` });
  picture.addEventListener('error', () => picture.replaceWith(note));
  return picture;
}

function firstLine(content) {
  const text = content?.find((block) => block.type === 'text')?.text ?? '';
  return text.trim().split('\n', 1)[0];
}

function summarise(input) {
  if (!input || typeof input !== 'object') return '';
  const key = TELLING.find((name) => typeof input[name] === 'string')
    ?? Object.keys(input).find((name) => typeof input[name] === 'string' || typeof input[name] === 'number');
  return key ? String(input[key]).replace(/\s+/g, ' ').slice(0, 120) : '';
}
