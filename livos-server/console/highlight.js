// A light touch of colour for code: comments, strings, numbers and keywords. One
// pattern per family of languages; unknown languages stay plain.

import { h } from './dom.js';

/** Longer code is shown plain. */
const LONGEST = 30_000;

const WORDS = {
  rust: 'as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while',
  js: 'as async await break case catch class const continue default delete do else enum export extends false finally for from function get if implements import in instanceof interface let new null of private public readonly return set static super switch this throw true try type typeof undefined var void while yield',
  python: 'and as assert async await break class continue def del elif else except False finally for from global if import in is lambda match None nonlocal not or pass raise return self True try while with yield',
  c: 'auto bool break case catch char class const constexpr continue default delete do double else enum extern false final float for func go defer chan goto if import include inline int interface long map namespace new nil null nullptr override package private protected public range return short signed sizeof static string struct super switch template this throw throws true try typedef union unsigned using var virtual void while',
  shell: 'case do done echo elif else esac exit export fi for function if in local return set then until while cd sudo',
  sql: 'add all alter and as asc begin between by case commit constraint create delete desc distinct drop else end exists foreign from group having in index inner insert into is join key left like limit not null on or order outer primary references right select set table then union unique update values when where with',
  data: 'true false null yes no',
};

const FAMILIES = {
  rust: 'rust', rs: 'rust',
  js: 'js', javascript: 'js', ts: 'js', typescript: 'js', jsx: 'js', tsx: 'js', mjs: 'js',
  py: 'python', python: 'python', rb: 'python', ruby: 'python',
  c: 'c', cpp: 'c', 'c++': 'c', h: 'c', cs: 'c', csharp: 'c', java: 'c', go: 'c', kotlin: 'c', swift: 'c', php: 'c',
  sh: 'shell', bash: 'shell', zsh: 'shell', shell: 'shell', console: 'shell', dockerfile: 'shell', makefile: 'shell',
  sql: 'sql',
  json: 'data', yaml: 'data', yml: 'data', toml: 'data', ini: 'data',
};

const STRING = String.raw`"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|` + '`(?:[^`\\\\]|\\\\.)*`';
const NUMBER = String.raw`\b(?:0x[\da-fA-F_]+|\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?)\b`;
const SLASHES = String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/`;
const HASH = String.raw`(?<=^|\s)#[^\n]*`;

const patterns = new Map();

function pattern(family) {
  if (!patterns.has(family)) {
    const comment = { rust: SLASHES, js: SLASHES, c: SLASHES, sql: `--[^\\n]*|${SLASHES}` }[family] ?? HASH;
    // A lone quote in Rust is usually a lifetime.
    const string = family === 'rust' ? String.raw`"(?:[^"\\]|\\.)*"|'(?:[^'\\\n]|\\.)'` : STRING;
    const words = WORDS[family].replaceAll(' ', '|');
    const flags = family === 'sql' ? 'gim' : 'gm';
    patterns.set(family, new RegExp(`(${comment})|(${string})|(${NUMBER})|\\b(${words})\\b`, flags));
  }
  return patterns.get(family);
}

const CLASSES = ['comment', 'string', 'number', 'keyword'];

/** Fills an element with code, coloured where the language is known. */
export function highlight(element, text, language) {
  const family = FAMILIES[String(language ?? '').toLowerCase()];
  if (!family || text.length > LONGEST) {
    element.append(document.createTextNode(text));
    return;
  }
  let plain = 0;
  for (const match of text.matchAll(pattern(family))) {
    if (match.index > plain) element.append(text.slice(plain, match.index));
    const kind = CLASSES[match.slice(1).findIndex((group) => group !== undefined)];
    element.append(h('span', { className: `tok-${kind}` }, match[0]));
    plain = match.index + match[0].length;
  }
  element.append(text.slice(plain));
}
