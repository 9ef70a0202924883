// Where a run stands, in a word and a mark.

import { h } from './dom.js';
import { icon } from './icons.js';

const STATES = {
  queued: ['clock', 'Queued'],
  running: [null, 'Running'],
  waiting: ['hand', 'Waits for you'],
  completed: ['check', 'Done'],
  failed: ['alert', 'Failed'],
  cancelled: ['block', 'Stopped'],
  exhausted: ['alert', 'Budget used up'],
};

/** The states one can ask for, as `[value, title]`. */
export const RUN_STATES = Object.entries(STATES).map(([state, [, title]]) => [state, title]);

/** Whether nothing more comes. */
export const isOver = (state) => !['queued', 'running', 'waiting'].includes(state);

/** A mark with its word. */
export function runState(state) {
  const [glyph, title] = STATES[state] ?? ['info', state];
  const mark = glyph ? icon(glyph, 16) : h('span', { className: 'spinner', 'aria-hidden': 'true' });
  return h('span', { className: `state state-${state}` }, mark, title);
}
