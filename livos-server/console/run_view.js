// One run: what was asked, what was answered, and how it ended.

import { h } from './dom.js';
import { clock as clockText, compact, cost, duration, totalTokens, usageDetail } from './format.js';
import { icon } from './icons.js';
import { copyButton } from './markdown.js';
import { approvalCard } from './approval_card.js';
import { compactionNote } from './compaction.js';
import { recalledNote } from './recalled.js';
import { SubagentGroup } from './subagent_card.js';
import { Turn } from './turn.js';

const TITLES = {
  rate_limited: 'The provider limits how often it may be asked',
  overloaded: 'The provider is overloaded',
  unavailable: 'The provider cannot be reached',
  timed_out: 'The provider took too long',
  interrupted_stream: 'The answer broke off',
  malformed_response: 'The provider sent something unreadable',
  authentication: 'The provider did not accept the API key',
  quota_exhausted: 'The provider account has no quota left',
  unknown_model: 'There is no such model',
  invalid_request: 'The provider did not accept the request',
  context_too_long: 'The conversation is too long for this model',
  content_refused: 'The provider declined this content',
  no_progress: 'Stopped: no progress',
  turns: 'Turn limit reached',
  tokens: 'Token limit reached',
  wall_clock: 'Time limit reached',
  cost: 'Cost limit reached',
};

const TRIGGERS = { schedule: 'Scheduled', webhook: 'Webhook', subagent: 'Sub-agent', task: 'Task', memory: 'Memory', api: 'API' };

/** The text of a message without media. */
export function messageText(message) {
  return (message?.content ?? []).filter((block) => block.type === 'text').map((block) => block.text).join('\n');
}

/** A user's message as a bubble; `fork()` makes a conversation that goes on from before it. */
export function userBubble(message, label, fork) {
  const text = typeof message === 'string' ? message : messageText(message);
  const media = typeof message === 'string' ? [] : message.content.filter((block) => block.type === 'image' || block.type === 'document');
  return h('div', { className: 'user-row' },
    label && h('span', { className: 'origin' }, label),
    h('div', { className: 'bubble' }, h('span', { className: 'sr-only' }, 'You: '), text,
      media.map((block) => h('span', { className: 'attachment' }, icon('file', 16), block.title ?? block.media_type))),
    fork && h('button', {
      type: 'button', className: 'ghost fork', title: 'A new conversation with everything up to here; this message can be changed', onclick: fork,
    }, icon('branch', 16), 'Continue from here'));
}

/** Shows a run from its events. */
export class RunView {
  element = h('section', { className: 'run' });
  #cards = new Map();
  #actions;
  #reply = null;
  #status = h('div', { className: 'run-status' });
  #turn = null;
  #notice = null;
  #approvals = new Map();
  /** The agents that it started, in a group for each turn. */
  #subagents = [];
  #asked = '';
  #model = '';
  #startedAt = 0;
  #phase = 'Waiting for its turn';

  /** `actions`: `again(text)`, `fork(seq, text)`, `decide(id, answer)`. */
  constructor(id, actions) {
    this.id = id;
    this.#actions = actions;
    this.finished = false;
  }

  /** Takes in one event of this run. Kinds it does not know are ignored. */
  apply(event) {
    this.#startedAt ||= Date.parse(event.at) || Date.now();
    this[`_${event.type}`]?.(event);
  }

  /** Brings streamed text to the screen. */
  paint() {
    this.#turn?.paint();
    if (this.finished) return;
    this.#showPhase();
    this.tick(Date.now());
  }

  /** Keeps clocks going. */
  tick(now) {
    if (this.finished) return;
    const clock = this.#status.querySelector('.run-clock');
    if (clock) clock.textContent = clockText(now - this.#startedAt);
    for (const card of this.#cards.values()) card.tick(now);
  }

  /** The server repeats the open message from its start after a reconnect. */
  restart() {
    if (this.#turn && !this.#turn.whole) this.#turn.discard();
  }

  _run_admitted({ input, origin, trigger, seq, quiet }) {
    this.#asked = messageText(input);
    const channel = origin?.channel;
    const via = channel && !['console', 'api', 'cli', 'embedded'].includes(channel) ? `via ${channel}` : '';
    const label = [TRIGGERS[trigger], via].filter(Boolean).join(' · ');
    // A conversation that was cut within a run would have that run unfinished for ever.
    const fork = quiet && (() => this.#actions.fork(seq - 1, this.#asked));
    this.element.prepend(userBubble(input, label, fork));
  }

  _run_started({ model, provider, attempt }) {
    this.#model = modelLabel(provider, model);
    this.restart();
    this.#phase = attempt > 1 ? 'Resuming' : 'Starting';
    if (attempt > 1) this.#note('info', 'The server restarted; the run goes on where it was.');
  }

  _turn_started() {
    this.restart();
    this.#openTurn();
    this.#phase = 'Thinking';
  }

  _thinking_delta({ text }) {
    this.#openTurn().thinkingDelta(text);
    this.#phase = 'Thinking';
  }

  _text_delta({ text }) {
    this.#openTurn().textDelta(text);
    this.#phase = 'Writing';
  }

  _tool_call_delta({ call_id: callId, name, partial_json: json }) {
    this.#openTurn().toolDelta(callId, name, json);
    this.#phase = `Preparing ${name}`;
  }

  _assistant_message({ message, provider, model }) {
    this.#openTurn().complete(message);
    this.#model = modelLabel(provider, model);
    this.#notice = null;
    this.#phase = 'Working';
  }

  _tool_started(event) {
    this.#card(event).started(event);
    this.#phase = `Running ${event.name}`;
  }

  _tool_progress({ call_id: callId, text }) {
    this.#cards.get(callId)?.progressed(text);
  }

  _tool_finished(event) {
    this.#card(event).finished(event);
    this.#phase = 'Thinking';
  }

  _approval_requested(event) {
    const card = approvalCard(event, this.#actions.decide);
    this.#approvals.set(event.approval_id, card);
    this.#openReply().append(card.element);
    this.#phase = event.question ? 'Waiting for your answer' : 'Waiting for your approval';
  }

  _approval_resolved(event) {
    this.#approvals.get(event.approval_id)?.resolved(event);
    this.#phase = 'Working';
  }

  _input_joined({ message, trigger }) {
    this.#turn?.settle();
    this.#turn = null;
    this.#reply?.classList.remove('live');
    this.#reply = null;
    this.element.append(userBubble(message, TRIGGERS[trigger]));
    this.element.append(this.#status);
  }

  _provider_retry({ provider, reason, delay_ms: delay }) {
    this.restart();
    this.#note('warning', `${provider}: ${reason}. Trying again in ${duration(delay)}.`);
    this.#phase = `Waiting for ${provider}`;
  }

  _provider_switched({ from, to, reason }) {
    this.restart();
    this.#note('warning', `${from}: ${reason}. ${to} goes on from here.`);
    this.#notice = null;
    this.#phase = `Asking ${to}`;
  }

  _memories_recalled({ facts, note }) {
    const texts = facts.map(({ text }) => text).join(' · ');
    const count = facts.length === 1 ? '1 memory' : `${facts.length} memories`;
    const what = facts.length ? `${count}: ${texts}` : 'No memories';
    this.#note('info', note ? `${what} (${note})` : what);
    this.#notice = null;
  }

  _compacted(event) {
    this.restart();
    this.#place(compactionNote(event));
    this.#notice = null;
  }

  _memories_recalled(event) {
    const note = recalledNote(event);
    if (note) this.#place(note);
    this.#notice = null;
  }

  _subagent_started(event) {
    let group = this.#subagents.at(-1);
    if (!group || group.turn !== this.#turn) {
      group = new SubagentGroup(this.#turn);
      this.#subagents.push(group);
      this.#openReply().append(group.element);
    }
    group.started(event);
    this.#notice = null;
    this.#phase = 'Waiting for an agent';
  }

  _subagent_finished(event) {
    this.#subagents.find((group) => group.finished(event));
  }

  _run_finished(event) {
    this.finished = true;
    if (this.#turn && !this.#turn.whole) this.#turn.settle();
    for (const card of this.#cards.values()) card.abandoned();
    for (const approval of this.#approvals.values()) approval.close();
    this.#openReply();
    if (event.status !== 'completed') this.#reply.append(this.#endCard(event));
    this.#reply.append(this.#status);
    this.#reply.classList.remove('live');
    this.element.classList.add('finished');
    this.#showSummary(event);
  }

  #openReply() {
    if (!this.#reply) {
      this.#reply = h('div', { className: this.finished ? 'reply' : 'reply live' }, h('span', { className: 'sr-only' }, 'Assistant: '));
      this.element.append(this.#reply);
      this.#reply.append(this.#status);
    }
    return { append: (...nodes) => this.#status.before(...nodes) };
  }

  #openTurn() {
    if (this.#turn && !this.#turn.whole) return this.#turn;
    this.#turn = new Turn(this.#cards);
    this.#openReply().append(this.#turn.element);
    return this.#turn;
  }

  #card({ call_id: callId, name }) {
    const card = this.#cards.get(callId);
    if (card) return card;
    this.#turn ??= this.#openTurn();
    return this.#turn.card(callId, name);
  }

  // Repeated notices of one kind in a row replace each other.
  #note(tone, text) {
    const note = h('div', { className: `run-note note-${tone}` },
      icon({ warning: 'retry', info: 'info', branch: 'branch' }[tone], 16), h('span', {}, text));
    if (this.#notice?.isConnected) this.#notice.replaceWith(note);
    else this.#place(note);
    this.#notice = note;
  }

  #place(note) {
    if (this.#turn && !this.#turn.whole) this.#turn.element.before(note);
    else this.#openReply().append(note);
  }

  #endCard({ status, error }) {
    if (status === 'cancelled') {
      return h('div', { className: 'end-card end-cancelled' }, icon('block', 16), h('span', {}, 'Stopped'));
    }
    const exhausted = status === 'exhausted';
    const title = TITLES[error?.kind] ?? (exhausted ? 'The budget of this run is used up' : 'The run failed');
    const again = exhausted ? 'Continue' : 'Try again';
    const text = exhausted ? 'Continue.' : this.#asked;
    return h('div', { className: `end-card end-${status}`, role: 'group', 'aria-label': title },
      icon('alert', 20),
      h('div', { className: 'end-text' }, h('strong', {}, title), error?.message && h('p', {}, error.message)),
      text && h('button', { type: 'button', className: 'button', onclick: () => this.#actions.again(text) }, icon('retry', 16), again));
  }

  #showPhase() {
    this.#openReply();
    if (!this.#status.firstChild) {
      this.#status.append(
        h('span', { className: 'pulse', 'aria-hidden': 'true' }), h('span', { className: 'run-phase' }),
        h('span', { className: 'run-clock' }));
    }
    const label = this.#status.querySelector('.run-phase');
    if (label.textContent !== this.#phase) label.textContent = this.#phase;
  }

  #showSummary({ usage, cost_micro_usd: spent, duration_ms: took, turns, tool_calls: calls, text }) {
    const tokens = totalTokens(usage);
    const facts = [
      this.#model && h('span', { className: 'fact-model' }, this.#model),
      tokens > 0 && h('span', { title: usageDetail(usage) }, `${compact(tokens)} tokens`),
      spent !== undefined && h('span', {}, cost(spent)),
      took !== undefined && h('span', { title: `${turns} ${turns === 1 ? 'turn' : 'turns'}, ${calls} tool ${calls === 1 ? 'call' : 'calls'}` }, duration(took)),
    ].filter(Boolean);
    const answer = text || this.#turn?.text;
    this.#status.replaceChildren(
      h('div', { className: 'facts' }, facts), answer ? copyButton(() => answer, 'Copy') : '');
  }
}

function modelLabel(provider, model) {
  if (!model) return provider ?? '';
  return !provider || model.startsWith(`${provider}/`) ? model : `${provider}/${model}`;
}
