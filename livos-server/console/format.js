// Numbers and times as people read them.

/** `850 ms`, `3.2 s`, `42 s`, `3 m 05 s`. */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, '0')} s`;
}

/** Whole seconds, for clocks that are still running: `0 s`, `42 s`, `3 m 05 s`. */
export function clock(ms) {
  return duration(Math.max(0, Math.floor(ms / 1000)) * 1000).replace('0 ms', '0 s').replace('.0 s', ' s');
}

/** `940`, `2.4k`, `1.2M`. */
export function compact(count) {
  if (count < 1000) return String(count);
  if (count < 1_000_000) return `${(count / 1000).toFixed(count < 10_000 ? 1 : 0)}k`;
  return `${(count / 1_000_000).toFixed(1)}M`;
}

/** Prompt, answer and cached tokens together. */
export function totalTokens(usage) {
  return (usage?.input_tokens ?? 0) + (usage?.output_tokens ?? 0)
    + (usage?.cache_read_tokens ?? 0) + (usage?.cache_write_tokens ?? 0);
}

/** One line for each kind of token that was used. */
export function usageDetail(usage) {
  return [
    ['input', usage?.input_tokens], ['output', usage?.output_tokens], ['cache read', usage?.cache_read_tokens],
    ['cache write', usage?.cache_write_tokens], ['reasoning', usage?.reasoning_tokens],
  ].filter(([, count]) => count).map(([kind, count]) => `${count.toLocaleString('en')} ${kind}`).join('\n');
}

/** Micro-dollars as money: cents and above with two to four digits, less with as many as it takes. */
export function cost(microUsd) {
  const dollars = microUsd / 1_000_000;
  if (dollars === 0) return '$0';
  if (dollars >= 1) return `$${dollars.toFixed(2)}`;
  if (dollars >= 0.0001) return `$${dollars.toFixed(4)}`;
  return `$${dollars.toFixed(6)}`;
}

/** `now`, `5m`, `3h`, `2d`, then a date. */
export function age(timestamp, now = Date.now()) {
  const then = Date.parse(timestamp);
  if (Number.isNaN(then)) return '';
  const minutes = Math.floor((now - then) / 60_000);
  if (minutes < 1) return 'now';
  if (minutes < 60) return `${minutes}m`;
  if (minutes < 60 * 24) return `${Math.floor(minutes / 60)}h`;
  if (minutes < 60 * 24 * 7) return `${Math.floor(minutes / 60 / 24)}d`;
  return new Date(then).toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
}

/** The heading under which a session of this age is listed. */
export function ageGroup(timestamp, now = new Date()) {
  const then = Date.parse(timestamp);
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const day = 24 * 60 * 60 * 1000;
  if (Number.isNaN(then) || then >= today) return 'Today';
  if (then >= today - day) return 'Yesterday';
  if (then >= today - 7 * day) return 'Previous 7 days';
  return 'Older';
}

/** A title from the first words of a message, at most so many characters. */
export function titleFrom(text, most = 60) {
  const line = text.trim().split('\n', 1)[0].replace(/\s+/g, ' ');
  if (line.length <= most) return line;
  const cut = line.slice(0, most);
  const space = cut.lastIndexOf(' ');
  return `${space > most / 2 ? cut.slice(0, space) : cut}…`;
}
