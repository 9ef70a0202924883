// What tells that the model was given memories with a message.

import { h } from './dom.js';
import { compact } from './format.js';
import { icon } from './icons.js';

/** A quiet line that opens to them; nothing where none fitted. */
export function recalledNote({ facts = [], method, tokens, note }) {
  if (!facts.length) return null;
  const way = method === 'hybrid' ? 'by words and by meaning' : 'by words only';
  return h('details', { className: 'compaction recalled' },
    h('summary', {}, icon('bookmark', 16), h('span', {}, facts.length === 1 ? 'Used 1 memory' : `Used ${facts.length} memories`), icon('chevron', 16)),
    h('div', { className: 'compaction-body', tabIndex: 0 },
      h('ul', {}, facts.map(({ text }) => h('li', {}, text))),
      h('p', { className: 'note' }, [`Found ${way}`, tokens && `${compact(tokens)} tokens`, note].filter(Boolean).join(', '), '. ',
        h('a', { href: '#/memory' }, 'All that is remembered'))));
}
