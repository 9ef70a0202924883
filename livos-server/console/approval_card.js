// What the agent asks: whether it may do something that matters, or a question of its own.

import { answerForm } from './answer_form.js';
import { h, toast } from './dom.js';
import { icon } from './icons.js';
import { codeBlock } from './markdown.js';

const DECISIONS = { approved: 'Approved', denied: 'Denied', expired: 'Expired', abandoned: 'No longer needed' };

/** The card of one request; `decide(id, {decision, scope?, pattern?, answer?})` answers it. */
export function approvalCard(request, decide) {
  return request.question ? questionCard(request, decide) : permissionCard(request, decide);
}

function permissionCard({ approval_id: id, tool, input, reason }, decide) {
  const card = new Card(`Approval for ${tool}`, (answer) => decide(id, answer));
  const head = h('div', { className: 'approval-head' },
    icon('hand', 20), h('span', {}, h('strong', {}, 'Allow '), h('code', {}, tool), h('strong', {}, '?')));
  card.element.append(head, reason ? h('p', {}, sentence(reason)) : '', codeBlock(JSON.stringify(input, null, 2), 'json'), card.actions);
  card.offer('Allow once', 'button primary', { decision: 'approve' });
  card.offer('Allow this in the session', 'button', { decision: 'approve', scope: 'session' });
  card.offer(`Allow ${tool} in the session`, 'button', { decision: 'approve', scope: 'session', pattern: { tool } });
  card.offer('Always allow this', 'button', { decision: 'approve', scope: 'always' });
  card.offer('Deny', 'button', { decision: 'deny' });
  return card;
}

function questionCard({ approval_id: id, question }, decide) {
  const card = new Card('Question from the agent', (answer) => decide(id, answer));
  const head = h('div', { className: 'approval-head' }, icon('hand', 20), h('strong', {}, question.text));
  card.element.append(head, question.link ? linkOf(question.link) : '');
  if (question.choices?.length) {
    for (const choice of question.choices) card.offer(choice, 'button', { decision: 'approve', answer: choice });
    card.element.append(card.actions);
  } else {
    card.element.append(formOf(question, card));
  }
  card.offer('Decline', 'ghost', { decision: 'deny' });
  return card;
}

/** An address of a stranger: all of it can be read, and nothing goes there unasked. */
function linkOf(address) {
  let host;
  try {
    const url = new URL(address);
    if (url.protocol === 'http:' || url.protocol === 'https:') host = url.host;
  } catch {
    // It is shown in the question and not offered.
  }
  if (!host) return '';
  return h('p', { className: 'approval-link' },
    h('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, address),
    h('span', { className: 'note' }, ' This leads to ', h('strong', {}, host), '.'));
}

/** The form of a free answer, or of the object that a schema describes. */
function formOf({ text, schema }, card) {
  const { element, read } = schema ? answerForm(schema, `Answer to: ${text}`) : freeAnswer(text);
  const form = h('form', {}, element, card.actions);
  card.actions.append(h('button', { className: 'button primary' }, 'Answer'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    let answer;
    try {
      answer = read();
    } catch (error) {
      toast(error.message);
      return;
    }
    card.answer({ decision: 'approve', answer });
  });
  return form;
}

function freeAnswer(text) {
  const box = h('textarea', {
    className: 'field approval-answer', rows: 2, required: true, 'aria-label': `Answer to: ${text}`,
    placeholder: 'Your answer',
  });
  return { element: box, read: () => box.value };
}

class Card {
  actions = h('div', { className: 'approval-actions' });
  #decide;

  constructor(label, decide) {
    this.element = h('div', { className: 'approval', role: 'group', 'aria-label': label });
    this.#decide = decide;
  }

  offer(label, className, answer) {
    this.actions.append(h('button', { type: 'button', className, onclick: () => this.answer(answer) }, label));
  }

  async answer(answer) {
    this.#disable(true);
    try {
      await this.#decide(answer);
    } catch (error) {
      toast(error.status === 409 ? 'This was decided already, or its run has ended.' : error.message);
      this.#disable(false);
    }
  }

  /** The request was decided. */
  resolved({ decision, by, via, answer }) {
    const said = answer === undefined ? '' : `“${typeof answer === 'string' ? answer : JSON.stringify(answer)}”`;
    const what = said ? `Answered ${said}` : DECISIONS[decision] ?? decision;
    const who = [by && `by ${by}`, via && `via ${via}`].filter(Boolean).join(' ');
    this.#settle([what, who].filter(Boolean).join(' '));
  }

  /** The run is over. */
  close() {
    if (!this.element.classList.contains('settled')) this.#settle('The run ended before this was decided.');
  }

  #settle(text) {
    this.element.classList.add('settled');
    this.element.querySelector('form')?.replaceWith(this.actions);
    this.actions.replaceChildren(h('span', { className: 'note' }, text));
  }

  #disable(off) {
    for (const control of this.element.querySelectorAll('button, textarea, input, select')) control.disabled = off;
  }
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
