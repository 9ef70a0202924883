// Agents that a run started: how each is doing, and what it said.

import { h } from './dom.js';
import { clock, compact, duration, titleFrom, totalTokens } from './format.js';
import { icon } from './icons.js';
import { renderMarkdown } from './markdown.js';
import { runs } from './resources.js';
import { isOver, runState } from './run_state.js';

/** How often an agent that goes is looked at, once somebody has seen it. */
const LOOK_MS = 2_000;
/** How much of what it shall do its card tells. */
const LONGEST_TITLE = 160;

/** The agents that one turn of a run started, in their order. */
export class SubagentGroup {
  #cards = new Map();
  #count = h('span', {});
  #list = h('ul', { className: 'subagents', 'aria-label': 'Agents that were started' });

  constructor(turn) {
    this.turn = turn;
    this.element = h('div', { className: 'subagent-group' },
      h('p', { className: 'part-title' }, icon('branch', 16), this.#count), this.#list);
  }

  /** One more was started. */
  started(event) {
    const { child_run_id: run } = event;
    if (this.#cards.has(run)) return;
    const card = new SubagentCard(event, () => this.#summarise());
    this.#cards.set(run, card);
    this.#list.append(card.element);
    this.#summarise();
  }

  /** What came of one; answers whether it is one of these. */
  finished({ child_run_id: run, ...end }) {
    const card = this.#cards.get(run);
    card?.show(end);
    return Boolean(card);
  }

  #summarise() {
    const all = [...this.#cards.values()];
    const going = all.filter(({ status }) => status === 'running').length;
    const done = all.filter(({ status }) => isOver(status)).length;
    const some = all.length === 1 ? '1 agent' : `${all.length} agents`;
    this.#count.textContent = [some, going && `${going} at work`, `${done} done`].filter(Boolean).join(', ');
  }
}

/** One agent. Its run is looked at while it goes: the journal here only says when it began and ended. */
class SubagentCard {
  status = 'queued';
  #run;
  #changed;
  #begun;
  #facts = h('div', { className: 'row-facts' });
  #body = h('div', { className: 'subagent-said', hidden: true });
  #timer = null;
  #seen;

  constructor({ child_run_id: run, child_session_id: session, task, at }, changed) {
    this.#run = run;
    this.#changed = changed;
    this.#begun = Date.parse(at) || Date.now();
    const link = h('a', { className: 'subagent-task', href: `#/s/${session}`, title: 'Open its conversation' }, titleFrom(task, LONGEST_TITLE));
    this.element = h('li', { className: 'subagent' }, link, this.#facts, this.#body);
    // Who was never seen is not asked about: a long transcript has many.
    this.#seen = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting) return;
      this.#seen.disconnect();
      if (isOver(this.status)) return;
      this.#look();
      this.#timer = setInterval(() => this.#look(), LOOK_MS);
    });
    this.#seen.observe(this.element);
    this.#mark({});
  }

  async #look() {
    if (document.hidden) return;
    if (!this.element.isConnected) {
      this.#stop();
      return;
    }
    try {
      this.show(await runs.get(this.#run));
    } catch (error) {
      if (error.status === 404) this.#stop();
    }
  }

  /** How it stands, as its run or the journal tells; the first to tell of its end counts. */
  show(state) {
    if (isOver(this.status)) return;
    this.status = state.status;
    this.element.dataset.status = state.status;
    this.#mark(state);
    if (isOver(state.status)) {
      this.#stop();
      this.#tell(state);
    }
    this.#changed();
  }

  #mark({ agent, usage, tool_calls: calls, finished_at: end }) {
    const tokens = totalTokens(usage);
    const took = end ? duration(Date.parse(end) - this.#begun) : !isOver(this.status) && clock(Date.now() - this.#begun);
    const facts = [
      agent && h('span', { className: 'chip' }, agent), calls > 0 && `${calls} tool ${calls === 1 ? 'call' : 'calls'}`,
      tokens > 0 && `${compact(tokens)} tokens`, took,
    ].filter(Boolean);
    this.#facts.replaceChildren(runState(this.status), ...facts.map((fact) => (fact instanceof Node ? fact : h('span', {}, fact))));
  }

  #tell({ text, error }) {
    if (!text && !error) return;
    const said = h('div', { className: 'prose' });
    if (text) renderMarkdown(said, text);
    this.#body.hidden = false;
    this.#body.replaceChildren(
      error ? h('p', { className: 'row-failure' }, error.message) : '',
      text ? h('details', { className: 'more-of' }, h('summary', {}, icon('chevron', 16), 'What it said'), said) : '');
  }

  #stop() {
    clearInterval(this.#timer);
    this.#seen.disconnect();
  }
}
