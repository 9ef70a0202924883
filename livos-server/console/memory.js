// What is remembered of the owner: looked through, searched, changed, forgotten, taken elsewhere.

import { address } from './api.js';
import { confirm, fillIn } from './dialog.js';
import { announce, h, toast } from './dom.js';
import { age } from './format.js';
import { icon } from './icons.js';
import { act, attempt, cut, filter, lead, Listing, makeButton, nothing, readWhenOpened, row } from './listing.js';
import { memoryReport } from './memory_report.js';
import { memories } from './resources.js';

const KINDS = [
  ['preference', 'Preference'], ['profile', 'Profile'], ['project', 'Project'], ['event', 'Event'], ['other', 'Other'],
];
const KIND_TITLES = Object.fromEntries(KINDS);
const DAY_MS = 24 * 60 * 60 * 1000;
/** The ages to choose: up to, and from how many days on. */
const AGES = { day: [1, 0], week: [7, 0], month: [30, 0], year: [365, 0], older: [Infinity, 365] };
const SOURCES = { told: 'told', extracted: 'from a conversation', imported: 'imported' };
const TYPING_MS = 250;
const HITS = 50;
/** How many parts of the list are read at most to find some of an age. */
const PARTS = 5;
const LONGEST_CHAIN = 50;

const SCHEMA = {
  properties: {
    text: { type: 'string', title: 'What is to be remembered', maxLength: 2000, 'x-lines': 3, 'x-hint': 'I drink my coffee black.' },
    kind: { title: 'What it is about', oneOf: KINDS.map(([value, title]) => ({ const: value, title })), default: 'other' },
    confidence: { type: 'integer', title: 'How sure it is, in percent', minimum: 0, maximum: 100, default: 100 },
    expires_at: { type: 'string', format: 'date-time', title: 'True until', description: 'After this it is found no more.' },
  },
  required: ['text', 'kind', 'confidence'],
};

/** The page. */
export function open(page) {
  const wanted = { words: '', kind: '', age: '', versions: '' };
  const how = h('p', { className: 'list-how', role: 'status', hidden: true });
  const report = h('div', { className: 'report', hidden: true });
  const list = new Listing({
    label: 'Memories',
    load: (part) => load(part, wanted, how),
    row: (item) => memoryRow(item, wanted, refresh),
    none: () => (wanted.words || wanted.kind || wanted.age
      ? nothing('search', 'Nothing fits', 'No memory is like this. Try other words, or take a filter away.')
      : nothing('bookmark', 'Nothing is remembered yet', 'Tell the agent something to remember, or add it here. What is told in one conversation is known in the next.',
        adding())),
  });

  const adding = () => makeButton('Add a memory', () => add(refresh));

  function refresh() {
    return Promise.all([list.refresh(), refreshReport()]);
  }

  async function refreshReport() {
    try {
      const known = await memories.report();
      report.replaceChildren(memoryReport(known, KIND_TITLES));
      report.hidden = known.facts === 0;
    } catch {
      report.hidden = true; // The list tells what is wrong.
    }
  }

  const narrow = (field) => (value) => {
    wanted[field] = value;
    list.refresh();
  };
  page.host.replaceChildren(
    lead('What is told in one conversation is known in the next. Only you see it, each fact is kept once, and what is forgotten is gone.', adding()),
    report,
    h('div', { className: 'toolbar' },
      searchField(narrow('words')),
      filter('Kind', [['', 'Every kind'], ...KINDS], narrow('kind')),
      filter('Age', [['', 'Any age'], ['day', 'Past day'], ['week', 'Past week'], ['month', 'Past month'], ['year', 'Past year'], ['older', 'Older']], narrow('age')),
      h('label', { className: 'check' }, h('input', { type: 'checkbox', onchange: (event) => narrow('versions')(event.target.checked ? 'all' : '') }), h('span', {}, 'Earlier versions')),
      h('span', { className: 'spacer' }), movers(refresh)),
    how, list.element);
  page.keep(refresh, 15_000);
}

function searchField(changed) {
  let typing;
  const field = h('input', {
    type: 'search', className: 'field', placeholder: 'Search by words or meaning', 'aria-label': 'Search memories', maxLength: 500,
    autocomplete: 'off',
    oninput: () => {
      clearTimeout(typing);
      typing = setTimeout(() => changed(field.value.trim()), TYPING_MS);
    },
  });
  return h('div', { className: 'search' }, icon('search', 16), field);
}

/** Part of what fits. The API has no ages, and only current memories are searched. */
async function load({ cursor, limit }, { words, kind, age: within, versions }, how) {
  const fits = ({ updated_at: at }) => {
    if (!within) return true;
    const [upTo, from] = AGES[within];
    const days = (Date.now() - Date.parse(at)) / DAY_MS;
    return days <= upTo && days >= from;
  };
  how.hidden = !words;
  if (words) {
    const { items, method, note } = await memories.search({ q: words, kind, limit: HITS });
    const hits = items.filter(({ memory }) => fits(memory)).map(({ memory, ...why }) => ({ ...memory, why: { method, ...why } }));
    how.replaceChildren(icon(method === 'hybrid' ? 'spark' : 'search', 16), h('span', {}, howFound(hits.length, method, note)));
    announce(`${hits.length} found`);
    return { items: hits };
  }
  const found = [];
  for (let part = 0; ; part += 1) {
    const { items, next_cursor: next } = await memories.list({ cursor, limit: within ? 200 : limit, kind, versions });
    found.push(...items.filter(fits));
    if (!within || !next || found.length >= limit || part === PARTS - 1) return { items: found, next_cursor: next };
    cursor = next;
  }
}

function howFound(count, method, note) {
  const found = count === 1 ? '1 memory' : `${count} memories`;
  const way = method === 'hybrid' ? 'by words and by meaning (vectors)' : 'by words only, without vectors';
  return `${found} found ${way}${note ? `: ${note}` : ''}.`;
}

function memoryRow(memory, { words }, refresh) {
  const { text, kind, confidence, source, recalls, recalled_at: recalled, created_at: created, updated_at: updated } = memory;
  const { expires_at: expires, superseded_by: successor, session_id: session, supersedes, why } = memory;
  return row({
    tone: successor ? 'row-past' : '',
    title: why ? marked(text, words) : cut(text),
    facts: [
      why && score(why),
      h('span', { className: 'chip' }, KIND_TITLES[kind] ?? kind),
      successor && 'replaced',
      confidence < 100 && `${confidence} % sure`,
      SOURCES[source] ?? source,
      h('time', { dateTime: created, title: new Date(created).toLocaleString() }, `learned ${ago(created)}`),
      updated !== created && h('time', { dateTime: updated, title: new Date(updated).toLocaleString() }, `confirmed ${ago(updated)}`),
      recalls ? `recalled ${recalls === 1 ? 'once' : `${recalls} times`}${recalled ? `, last ${ago(recalled)}` : ''}` : 'never recalled',
      expires && `${Date.parse(expires) < Date.now() ? 'expired' : 'until'} ${new Date(expires).toLocaleDateString()}`,
      session && h('a', { href: `#/s/${session}` }, 'conversation'),
    ],
    body: supersedes && readWhenOpened('Took the place of an earlier memory', () => earlier(supersedes)),
    actions: [
      !successor && act('Edit', 'pencil', text, () => edit(memory, refresh)),
      act('Forget', 'trash', text, () => forget(memory, refresh)),
    ],
  });
}

const ago = (time) => {
  const text = age(time);
  return /^\d+[mhd]$/.test(text) ? `${text} ago` : text === 'now' ? 'just now' : text;
};

/** How well it fits, and in what way. */
function score({ score: whole, method, wording, similarity }) {
  const percent = Math.round(whole * 100);
  const ways = [wording > 0 && 'words', similarity > 0 && 'meaning'].filter(Boolean).join(' and ');
  const detail = [
    'Seven parts how well it fits, three parts how new it is.',
    similarity > 0 && `Meaning: cosine ${similarity.toFixed(2)}.`,
    wording > 0 && `Words: ${wording.toFixed(2)}.`,
    method === 'lexical' && 'Without vectors.',
  ].filter(Boolean).join(' ');
  const meter = h('meter', { min: 0, max: 1, value: whole, 'aria-hidden': 'true' });
  return h('span', { className: 'score', title: detail }, meter, `${percent} %${ways ? ` by ${ways}` : ''}`);
}

/** The text with the words that were looked for set off. */
function marked(text, words) {
  const stems = words.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? [];
  const pieces = text.split(/([\p{L}\p{N}]+)/u);
  const looked = (piece) => stems.some((stem) => piece.toLowerCase().startsWith(stem.slice(0, Math.max(3, stem.length - 2))));
  return h('p', {}, pieces.map((piece) => (piece && looked(piece) ? h('mark', {}, piece) : piece)));
}

/** What it took the place of, the newest first. */
async function earlier(first) {
  const chain = h('ol', { className: 'chain' });
  for (let id = first; id && chain.children.length < LONGEST_CHAIN;) {
    const { text, created_at: at, supersedes } = await memories.get(id);
    chain.append(h('li', {}, cut(text), h('time', { className: 'note', dateTime: at }, new Date(at).toLocaleString())));
    id = supersedes;
  }
  return chain;
}

async function add(refresh) {
  const kept = await fillIn({ title: 'Add a memory', schema: SCHEMA, action: 'Remember', submit: memories.add });
  if (!kept) return;
  const outcomes = { known: 'That was known already.', replaced: 'It took the place of an earlier memory.', added: 'It is remembered.' };
  toast(outcomes[kept.outcome] ?? 'It is remembered.', 'info');
  await refresh();
}

async function edit(memory, refresh) {
  const submit = (fields) => memories.change(memory.id, { expires_at: null, ...fields });
  if (await fillIn({ title: 'Change this memory', schema: SCHEMA, value: memory, action: 'Save', submit })) await refresh();
}

async function forget({ id, text }, refresh) {
  const agreed = await confirm({
    title: 'Forget this?', text: `“${text.slice(0, 200)}” will be gone for good, with its earlier versions.`, action: 'Forget',
  });
  if (!agreed) return;
  await memories.forget(id);
  await refresh();
}

/** To a file, and from one. */
function movers(refresh) {
  const file = h('input', { type: 'file', accept: '.jsonl,.ndjson,application/x-ndjson', hidden: true, 'aria-label': 'A file of memories' });
  const button = h('button', { type: 'button', className: 'ghost', onclick: () => file.click() }, 'Import');
  file.addEventListener('change', () => attempt(button, async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    try {
      const { added, known, expired } = await memories.import(await chosen.text());
      const rest = [known && `${known} known before`, expired && `${expired} true no more`].filter(Boolean);
      toast([`${added} new`, ...rest].join(', '), 'info');
      await refresh();
    } finally {
      file.value = '';
    }
  }));
  return [
    h('a', { className: 'ghost', href: address('api/memories/export').href, download: 'memories.jsonl' }, 'Export'), button, file,
  ];
}
