// How the memory is made up, at a glance.

import { h } from './dom.js';
import { icon } from './icons.js';

const AGES = { day: 'Up to a day', week: '1 to 7 days', month: '7 to 30 days', year: '30 to 365 days', older: 'Older' };

/** Figures, and the shares of kinds and ages when opened. */
export function memoryReport(report, kinds) {
  const { facts, by_kind: byKind, by_age: byAge, never_recalled: unused, expired, duplicates } = report;
  const { without_embedding: bare, embedding_model: model } = report;
  const ages = byAge.map(({ within, facts: count }) => [AGES[within] ?? within, count]);
  const shares = Object.entries(byKind).map(([kind, count]) => [kinds[kind] ?? kind, count]);
  return h('details', { className: 'report-card' },
    h('summary', {},
      figure(facts, facts === 1 ? 'memory' : 'memories'), figure(unused, 'never recalled'), figure(duplicates, 'said twice'),
      figure(expired, 'expired'), icon('chevron', 16)),
    h('div', { className: 'report-shares' }, bars('By kind', shares, facts), bars('By age', ages, facts)),
    h('p', { className: 'note' }, model
      ? `Found by words, and by meaning with ${model}. ${bare ? `${bare} still by words only.` : ''}`
      : 'Found by words only: no embedding model is set (memory.embedding_model).'));
}

function figure(count, label) {
  return h('span', { className: 'figure' }, h('strong', {}, count.toLocaleString('en')), ` ${label}`);
}

/** Names with their share of the whole. */
export function bars(title, entries, whole, show = (count) => count.toLocaleString('en')) {
  return h('section', { className: 'bars' }, h('h2', { className: 'part-title' }, title),
    h('dl', {}, entries.map(([name, count]) => h('div', { className: 'bar' },
      h('dt', {}, name), h('dd', {}, h('meter', { min: 0, max: Math.max(1, whole), value: count, 'aria-hidden': 'true' }), h('span', {}, show(count)))))));
}
