// One model call as it is seen: reasoning, text and tool calls, in the order they came.

import { h } from './dom.js';
import { duration } from './format.js';
import { icon } from './icons.js';
import { MarkdownStream } from './markdown.js';
import { ToolCard } from './tool_card.js';

/** The reasoning of a model, open while it is written and folded afterwards. */
class ThinkingPart {
  kind = 'thinking';
  text = '';
  #label = h('span', { className: 'thinking-label' }, 'Thinking');
  #body = h('div', { className: 'thinking-body' });
  #startedAt = 0;
  #touched = false;

  constructor() {
    const summary = h('summary', { onclick: () => { this.#touched = true; } },
      icon('spark', 16), this.#label, icon('chevron', 16));
    this.element = h('details', { className: 'thinking' }, summary, this.#body);
  }

  stream(delta) {
    if (!this.#startedAt) {
      this.#startedAt = Date.now();
      this.element.classList.add('streaming');
      this.element.open = true;
    }
    this.text += delta;
    this.#body.append(delta);
    this.#body.scrollTop = this.#body.scrollHeight;
  }

  /** The reasoning is over: another part began, or the message is whole. */
  settle() {
    if (!this.element.classList.contains('streaming')) return;
    this.element.classList.remove('streaming');
    this.#label.textContent = `Thought for ${duration(Math.max(1000, Date.now() - this.#startedAt))}`;
    if (!this.#touched) this.element.open = false;
  }

  complete(text) {
    this.settle();
    if (!this.#startedAt) this.#label.textContent = 'Thoughts';
    if (text !== this.text) this.#body.textContent = text;
    this.text = text;
  }
}

/** Words of the answer. */
class TextPart {
  kind = 'text';
  text = '';
  #shown;

  constructor() {
    this.element = h('div', { className: 'prose' });
    this.#shown = new MarkdownStream(this.element);
  }

  stream(delta) {
    this.element.classList.add('streaming');
    this.text += delta;
  }

  /** Brings what came since the last frame to the screen. */
  paint() {
    this.#shown.update(this.text);
  }

  settle() {
    this.element.classList.remove('streaming');
    this.paint();
  }

  complete(text) {
    this.text = text;
    this.settle();
  }
}

/** A tool call. The card is shared with the run, which knows it by its id. */
class ToolPart {
  kind = 'tool_use';

  constructor(id, card) {
    this.id = id;
    this.card = card;
    this.element = card.wrapper;
  }

  settle() {}
}

/** The visible side of one model call. */
export class Turn {
  element = h('div', { className: 'turn' });
  #parts = [];
  #cards;

  /** `cards` maps call ids to the cards of the run. */
  constructor(cards) {
    this.#cards = cards;
    this.whole = false;
  }

  /** Which kind of part is being written, if any. */
  get writing() {
    return this.whole ? null : this.#parts.at(-1)?.kind ?? null;
  }

  /** The text of the answer. */
  get text() {
    return this.#parts.filter((part) => part.kind === 'text').map((part) => part.text).join('\n\n');
  }

  thinkingDelta(text) {
    this.#open('thinking', () => new ThinkingPart()).stream(text);
  }

  textDelta(text) {
    this.#open('text', () => new TextPart()).stream(text);
  }

  toolDelta(callId, name, partialJson) {
    this.#tool(callId, name).card.preparing(partialJson);
  }

  paint() {
    const last = this.#parts.at(-1);
    if (last?.kind === 'text' && !this.whole) last.paint();
  }

  /** Drops everything that was streamed: it is void, or about to be repeated. */
  discard() {
    for (const part of this.#parts) {
      part.element.remove();
      if (part.kind === 'tool_use') this.#cards.delete(part.id);
    }
    this.#parts = [];
  }

  /** The journal's version of the message; what was streamed is reused where it fits. */
  complete(message) {
    const left = this.#parts;
    const parts = mergedBlocks(message.content).map((block) => this.#completePart(block, left));
    for (const part of left.filter((unused) => !parts.includes(unused))) {
      part.element.remove();
      if (part.kind === 'tool_use') this.#cards.delete(part.id);
    }
    this.#parts = parts;
    this.whole = true;
    parts.forEach((part, index) => {
      if (this.element.children[index] !== part.element) this.element.insertBefore(part.element, this.element.children[index] ?? null);
    });
  }

  /** Ends an answer that will not go on. */
  settle() {
    this.#parts.forEach((part) => part.settle());
    this.whole = true;
  }

  /** The card of a call, which is made here when it is new. */
  card(callId, name) {
    return this.#tool(callId, name).card;
  }

  #open(kind, make) {
    const last = this.#parts.at(-1);
    if (last?.kind === kind) return last;
    last?.settle();
    return this.#add(make());
  }

  #tool(callId, name) {
    const known = this.#parts.find((part) => part.id === callId);
    if (known) return known;
    this.#parts.at(-1)?.settle();
    return this.#add(this.#toolPart(callId, name));
  }

  // Some providers count calls from zero in every turn: an id of a call that is done means a new one.
  #toolPart(callId, name) {
    if (this.#cards.get(callId)?.settled ?? true) this.#cards.set(callId, new ToolCard(name));
    return new ToolPart(callId, this.#cards.get(callId));
  }

  #add(part) {
    this.#parts.push(part);
    this.element.append(part.element);
    return part;
  }

  #completePart(block, left) {
    if (block.type === 'tool_use') {
      const part = left.find((candidate) => candidate.id === block.id) ?? this.#toolPart(block.id, block.name);
      part.card.asked(block.input);
      return part;
    }
    const index = left.findIndex((candidate) => candidate.kind === block.type);
    const [reused] = index < 0 ? [] : left.splice(index, 1);
    const part = reused ?? (block.type === 'thinking' ? new ThinkingPart() : new TextPart());
    part.complete(block.text);
    return part;
  }
}

/** The blocks that are shown, with neighbours of one kind joined as they were while streaming. */
function mergedBlocks(content) {
  const blocks = [];
  for (const block of content ?? []) {
    const last = blocks.at(-1);
    if (block.type === 'tool_use') blocks.push(block);
    else if ((block.type === 'text' || block.type === 'thinking') && block.text) {
      if (last?.type === block.type) last.text += block.text;
      else blocks.push({ type: block.type, text: block.text });
    }
  }
  return blocks;
}
