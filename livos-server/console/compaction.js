// What tells that the model reads a summary in place of earlier messages.

import { h } from './dom.js';
import { compact } from './format.js';
import { icon } from './icons.js';
import { renderMarkdown } from './markdown.js';

/** A quiet line that opens to the summary. */
export function compactionNote({ tokens_before: before, tokens_after: after, method, failure, view }) {
  const trimmed = method === 'trimmed';
  const what = trimmed ? 'The oldest messages were left out' : 'Earlier messages were summarised';
  const line = `${what}: ${compact(before)} → ${compact(after)} tokens`;
  const body = h('div', { className: 'compaction-body', tabIndex: 0 },
    h('p', { className: 'note' }, trimmed
      ? `There was no summary${failure ? ` (${failure})` : ''}. You still see everything; the model does not.`
      : 'You still see everything; from here on the model reads this instead:'));
  if (view?.summary) {
    const summary = h('div', { className: 'prose' });
    renderMarkdown(summary, view.summary);
    body.append(summary);
  }
  if (view?.pinned?.length) {
    body.append(h('div', { className: 'part-title' }, 'Kept word for word'),
      h('ul', {}, view.pinned.map((fact) => h('li', {}, fact))));
  }
  return h('details', { className: 'compaction' },
    h('summary', {}, icon('compress', 16), h('span', {}, line), icon('chevron', 16)), body);
}

/** The same between two runs: what somebody asked for. It takes the place of a run in the transcript. */
export class CompactionEntry {
  element = h('section', { className: 'compaction-entry' });
  finished = true;

  constructor(id) {
    this.id = id;
  }

  apply(event) {
    this.element.replaceChildren(compactionNote(event));
  }

  paint() {}

  tick() {}
}
