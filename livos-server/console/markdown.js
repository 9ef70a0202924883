// Markdown to DOM nodes. It builds elements and text nodes only, so whatever a
// model writes stays text; links go to http and https and nowhere else.

import { copyText, h } from './dom.js';
import { highlight } from './highlight.js';
import { icon } from './icons.js';

const DEPTH_LIMIT = 8;
/** How far ahead the end of a link or of inline code is looked for; bounds the work on hostile text. */
const REACH = 3000;
/** How many marks are looked at to find the one that ends a bold or an italic. */
const TRIES = 64;

const FENCE = /^ {0,3}(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t](.*))?$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,8})([-*+]|\d{1,9}[.)])(?:[ \t]+(.*))?$/;
const TABLE_RULE = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

/** Renders a whole text into an element. */
export function renderMarkdown(container, source) {
  container.append(...parseBlocks(source).map((block) => renderBlock(block, 0)));
}

/**
 * Renders text that is still growing. Blocks that are complete are left alone;
 * only the last one is built again, so the work per frame does not grow with the text.
 */
export class MarkdownStream {
  #container;
  #source = '';
  #settled = 0;
  #tail = [];
  #code = null;

  constructor(container) {
    this.#container = container;
  }

  /** The whole text so far. */
  get source() {
    return this.#source;
  }

  /** Shows this text, which usually goes on from the one before. */
  update(source) {
    if (source === this.#source) return;
    if (!source.startsWith(this.#source)) {
      this.#container.replaceChildren();
      this.#settled = 0;
      this.#tail = [];
      this.#code = null;
    }
    this.#source = source;
    const blocks = parseBlocks(source.slice(this.#settled));
    if (this.#growCode(blocks)) return;
    for (const node of this.#tail) node.remove();
    const nodes = blocks.map((block) => renderBlock(block, 0));
    this.#container.append(...nodes);
    const open = blocks.length - this.#openBlocks(blocks);
    this.#tail = nodes.slice(open);
    this.#settled += blocks[open]?.start ?? 0;
    const [block] = blocks.slice(open);
    const growing = block?.kind === 'code' && !block.closed;
    this.#code = growing ? { language: block.language, node: this.#tail[0].querySelector('code').firstChild } : null;
  }

  // What follows may still change how the last block reads, and while its first
  // two lines are not whole, whether it is a block at all or belongs to the one before.
  #openBlocks(blocks) {
    const last = blocks.at(-1);
    if (!last) return 0;
    const lines = this.#source.slice(this.#settled + last.start).split('\n', 3).length - 1;
    return lines < 2 ? Math.min(2, blocks.length) : 1;
  }

  #growCode(blocks) {
    const [block] = blocks;
    if (!this.#code || blocks.length !== 1 || block.kind !== 'code' || block.closed) return false;
    const { language, node } = this.#code;
    if (block.language !== language || !block.text.startsWith(node.data)) return false;
    node.appendData(block.text.slice(node.length));
    return true;
  }
}

/** Splits a text into blocks; `start` is where each begins. */
function parseBlocks(source) {
  const lines = source.split('\n');
  const starts = [];
  let offset = 0;
  for (const line of lines) {
    starts.push(offset);
    offset += line.length + 1;
  }
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (!lines[at].trim()) {
      at += 1;
      continue;
    }
    const [block, next] = parseBlock(lines, at);
    block.start = starts[at];
    blocks.push(block);
    at = next;
  }
  return blocks;
}

function parseBlock(lines, at) {
  const line = lines[at];
  const fence = FENCE.exec(line);
  if (fence) return parseCode(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) return [{ kind: 'heading', level: heading[1].length, text: headingText(heading[2] ?? '') }, at + 1];
  if (RULE.test(line)) return [{ kind: 'rule' }, at + 1];
  if (QUOTE.test(line)) return parseQuote(lines, at);
  if (ITEM.test(line)) return parseList(lines, at);
  if (isTable(lines, at)) return parseTable(lines, at);
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !startsBlock(lines, end)) end += 1;
  return [{ kind: 'paragraph', text: lines.slice(at, end).map((part) => part.trim()).join('\n') }, end];
}

// A heading may end in as many `#` as it likes.
function headingText(text) {
  const words = text.trim().split(/\s/);
  if (/^#+$/.test(words.at(-1))) words.pop();
  return words.join(' ').trim();
}

function startsBlock(lines, at) {
  const line = lines[at];
  return FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line) || ITEM.test(line)
    || isTable(lines, at);
}

function parseCode(lines, at, [, mark, info]) {
  const indent = lines[at].search(/\S/);
  const body = [];
  let end = at + 1;
  let closed = false;
  while (end < lines.length && !closed) {
    const line = lines[end];
    const text = line.trim();
    closed = text.length >= mark.length && text === mark[0].repeat(text.length);
    if (!closed) body.push(line.slice(Math.min(indent, Math.max(0, line.search(/\S|$/)))));
    end += 1;
  }
  return [{ kind: 'code', language: info.trim().split(/\s/, 1)[0], text: body.join('\n'), closed }, end];
}

function parseQuote(lines, at) {
  const inner = [];
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) {
    inner.push(lines[end].replace(QUOTE, ''));
    end += 1;
  }
  return [{ kind: 'quote', source: inner.join('\n') }, end];
}

function parseList(lines, at) {
  const [, , firstMark] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(firstMark);
  const items = [];
  let end = at;
  while (end < lines.length) {
    const item = ITEM.exec(lines[end]);
    if (!item || /\d/.test(item[2]) !== ordered || RULE.test(lines[end])) break;
    const width = item[1].length + item[2].length + 1;
    const inner = [item[3] ?? ''];
    end += 1;
    end = takeItem(lines, end, item[1].length, width, inner);
    items.push(inner.join('\n'));
    const next = skipBlank(lines, end);
    if (next > end && next < lines.length && ITEM.test(lines[next])) end = next;
  }
  return [{ kind: 'list', ordered, first: ordered ? parseInt(firstMark, 10) : 1, items }, end];
}

// What belongs to an item: lines indented below it, and the lines its paragraph wraps to.
function takeItem(lines, at, indent, width, inner) {
  let end = at;
  while (end < lines.length) {
    const line = lines[end];
    const depth = line.search(/\S/);
    if (depth < 0) {
      const next = skipBlank(lines, end);
      if (next >= lines.length || lines[next].search(/\S/) <= indent) return end;
      inner.push('');
      end = next;
    } else if (depth > indent) {
      inner.push(line.slice(Math.min(depth, width)));
      end += 1;
    } else if (inner.at(-1).trim() && !startsBlock(lines, end)) {
      inner.push(line.trim());
      end += 1;
    } else {
      return end;
    }
  }
  return end;
}

function skipBlank(lines, at) {
  let next = at;
  while (next < lines.length && !lines[next].trim()) next += 1;
  return next;
}

function isTable(lines, at) {
  const rule = lines[at + 1];
  return lines[at].includes('|') && rule !== undefined && rule.includes('-') && TABLE_RULE.test(rule)
    && cells(lines[at]).length === cells(rule).length;
}

function parseTable(lines, at) {
  const align = cells(lines[at + 1]).map((cell) => {
    if (cell.endsWith(':')) return cell.startsWith(':') ? 'center' : 'right';
    return 'left';
  });
  const rows = [];
  let end = at + 2;
  while (end < lines.length && lines[end].trim() && lines[end].includes('|')) {
    rows.push(cells(lines[end]));
    end += 1;
  }
  return [{ kind: 'table', align, head: cells(lines[at]), rows }, end];
}

function cells(line) {
  const parts = [];
  let cell = '';
  const text = line.trim().replace(/^\|/, '').replace(/\|$/, '');
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '\\' && text[at + 1] === '|') {
      cell += '|';
      at += 1;
    } else if (text[at] === '|') {
      parts.push(cell.trim());
      cell = '';
    } else {
      cell += text[at];
    }
  }
  parts.push(cell.trim());
  return parts;
}

function renderBlock(block, depth) {
  switch (block.kind) {
    case 'code': return codeBlock(block.text, block.language, block.closed);
    case 'heading': return inline(h(`h${Math.min(6, block.level + 1)}`), block.text);
    case 'rule': return h('hr');
    case 'quote': return nested(h('blockquote'), block.source, depth);
    case 'list': return listBlock(block, depth);
    case 'table': return tableBlock(block);
    default: return inline(h('p'), block.text);
  }
}

function nested(element, source, depth) {
  if (depth >= DEPTH_LIMIT) element.append(source);
  else element.append(...parseBlocks(source).map((block) => renderBlock(block, depth + 1)));
  return element;
}

function listBlock({ ordered, first, items }, depth) {
  const list = h(ordered ? 'ol' : 'ul');
  if (ordered && first !== 1) list.start = first;
  for (const source of items) {
    const task = /^\[([ xX])\][ \t]+/.exec(source);
    const item = h('li');
    nested(item, task ? source.slice(task[0].length) : source, depth);
    // A short item is a line, not a paragraph.
    const [only] = item.children;
    if (only?.tagName === 'P' && !source.includes('\n\n')) only.replaceWith(...only.childNodes);
    if (task) {
      item.className = 'task';
      item.prepend(h('input', { type: 'checkbox', disabled: true, checked: task[1] !== ' ', 'aria-label': 'Task' }));
    }
    list.append(item);
  }
  return list;
}

function tableBlock({ align, head, rows }) {
  const row = (tag, texts) => h('tr', {}, align.map((side, column) => {
    const cell = inline(h(tag), texts[column] ?? '');
    if (side !== 'left') cell.className = `align-${side}`;
    return cell;
  }));
  const table = h('table', {}, h('thead', {}, row('th', head)), h('tbody', {}, rows.map((texts) => row('td', texts))));
  return h('div', { className: 'table-scroll', tabIndex: 0, role: 'region', 'aria-label': 'Table' }, table);
}

/** A block of code with its language and a copy button. */
export function codeBlock(text, language, closed = true) {
  const code = h('code');
  if (closed) highlight(code, text, language);
  else code.append(document.createTextNode(text));
  return h('figure', { className: 'code' },
    h('figcaption', {}, h('span', {}, language || 'text'), copyButton(() => code.textContent)),
    h('pre', { tabIndex: 0 }, code));
}

/** A button that copies what `text` returns and says so. */
export function copyButton(text, label = 'Copy') {
  const caption = h('span', {}, label);
  const button = h('button', { type: 'button', className: 'ghost copy' }, icon('copy', 16), caption);
  let timer;
  button.addEventListener('click', async () => {
    const copied = await copyText(text());
    caption.textContent = copied ? 'Copied' : 'Copy failed';
    button.firstChild.replaceWith(icon(copied ? 'check' : 'alert', 16));
    clearTimeout(timer);
    timer = setTimeout(() => {
      caption.textContent = label;
      button.firstChild.replaceWith(icon('copy', 16));
    }, 1600);
  });
  return button;
}

const SPECIAL = /[\\`*_~[\n]|https?:\/\//g;

function inline(element, text, depth = 0) {
  if (depth > DEPTH_LIMIT) {
    element.append(text);
    return element;
  }
  let plain = 0;
  SPECIAL.lastIndex = 0;
  for (let hit = SPECIAL.exec(text); hit; hit = SPECIAL.exec(text)) {
    const at = hit.index;
    const span = inlineSpan(text, at, hit[0], depth);
    if (span) {
      if (at > plain) element.append(text.slice(plain, at));
      element.append(span.node);
      plain = span.end;
    }
    SPECIAL.lastIndex = span ? span.end : at + run(text, at);
  }
  if (plain < text.length) element.append(text.slice(plain));
  return element;
}

function run(text, at) {
  let end = at + 1;
  while (text[end] === text[at]) end += 1;
  return end - at;
}

function inlineSpan(text, at, mark, depth) {
  switch (mark[0]) {
    case '\n': return { node: h('br'), end: at + 1 };
    case '\\': return /[!-/:-@[-`{-~]/.test(text[at + 1] ?? '') ? { node: text[at + 1], end: at + 2 } : null;
    case '`': return codeSpan(text, at);
    case '[': return linkSpan(text, at, depth);
    case 'h': return bareLink(text, at);
    default: return emphasis(text, at, depth);
  }
}

function codeSpan(text, at) {
  const width = run(text, at);
  let close = at + width;
  while (close < text.length && close - at < REACH) {
    close = text.indexOf('`', close);
    if (close < 0) return null;
    const length = run(text, close);
    if (length === width) {
      const inner = text.slice(at + width, close).replace(/\n/g, ' ');
      const node = h('code', {}, /^ .*[^ ].* $/.test(inner) ? inner.slice(1, -1) : inner);
      return { node, end: close + width };
    }
    close += length;
  }
  return null;
}

const TAGS = { '*': ['em', 'strong'], _: ['em', 'strong'], '~': [null, 'del'] };

function emphasis(text, at, depth) {
  const sign = text[at];
  const opened = run(text, at);
  const width = opened === 3 && sign !== '~' ? 3 : Math.min(opened, 2);
  const tag = TAGS[sign][Math.min(width, 2) - 1];
  const first = text[at + opened];
  if (opened > 3 || !tag || first === undefined || /\s/.test(first)) return null;
  if (sign === '_' && /\w/.test(text[at - 1] ?? '')) return null;
  const close = closing(text, at + opened, sign, width);
  if (close < 0) return null;
  const node = inline(h(tag), text.slice(at + width, close), depth + 1);
  return { node: width === 3 ? h('em', {}, node) : node, end: close + width };
}

function closing(text, from, sign, width) {
  let tries = 0;
  for (let at = text.indexOf(sign, from); at >= 0 && tries < TRIES; at = text.indexOf(sign, at)) {
    tries += 1;
    const length = run(text, at);
    const wordGoesOn = sign === '_' && /\w/.test(text[at + length] ?? '');
    const fits = width === 1 ? length !== 2 : length >= width;
    if (fits && !wordGoesOn && !/\s/.test(text[at - 1])) return at + length - width;
    at += length;
  }
  return -1;
}

function linkSpan(text, at, depth) {
  const window = text.slice(at, at + REACH);
  const match = /^\[((?:[^[\]\\\n]|\\.|\[[^[\]\n]*\])*)\]\(\s*<?((?:[^\s()<>]|\([^\s()]*\))+)>?(?:\s+["'][^"'\n]*["'])?\s*\)/.exec(window);
  if (!match) return null;
  const end = at + match[0].length;
  const href = safeAddress(match[2]);
  if (!href) return null;
  const node = inline(link(href), match[1] || match[2], depth + 1);
  return { node, end };
}

function bareLink(text, at) {
  if (/\w/.test(text[at - 1] ?? '')) return null;
  const [found] = /^https?:\/\/[^\s<>"'`\\|]+/.exec(text.slice(at, at + REACH)) ?? [''];
  let shown = found.replace(/[.,;:!?*_~]+$/, '');
  while (/[)\]]$/.test(shown) && !/[([]/.test(shown)) shown = shown.slice(0, -1).replace(/[.,;:!?*_~]+$/, '');
  const href = safeAddress(shown);
  if (!href) return null;
  const node = link(href);
  node.append(shown);
  return { node, end: at + shown.length };
}

function link(href) {
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' });
}

/** The address when it leads to the web, else nothing: no `javascript:`, no `data:`, nothing of our own origin by accident. */
export function safeAddress(text) {
  if (!/^https?:\/\//i.test(text)) return null;
  try {
    const url = new URL(text);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}
