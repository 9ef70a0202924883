// A question the agent asks before it does something that matters.

import { h, toast } from './dom.js';
import { icon } from './icons.js';
import { codeBlock } from './markdown.js';

const DECISIONS = { approved: 'Approved', denied: 'Denied', expired: 'Expired', abandoned: 'No longer needed' };

/** The card of one approval; `decide(id, decision, scope)` answers it. */
export function approvalCard({ approval_id: id, tool, input, reason }, decide) {
  const answers = h('div', { className: 'approval-actions' });
  const element = h('div', { className: 'approval', role: 'group', 'aria-label': `Approval for ${tool}` },
    h('div', { className: 'approval-head' }, icon('hand', 20), h('span', {}, h('strong', {}, 'Allow '), h('code', {}, tool), h('strong', {}, '?'))),
    reason && h('p', {}, reason),
    codeBlock(JSON.stringify(input, null, 2), 'json'),
    answers);

  const answer = async (decision, scope) => {
    for (const button of answers.children) button.disabled = true;
    try {
      await decide(id, decision, scope);
    } catch (error) {
      toast(error.status === 409 ? 'Somebody else already decided this.' : error.message);
      for (const button of answers.children) button.disabled = false;
    }
  };
  const button = (label, className, decision, scope) =>
    h('button', { type: 'button', className, onclick: () => answer(decision, scope) }, label);
  answers.append(
    button('Allow once', 'button primary', 'approve', 'once'),
    button('Allow in this session', 'button', 'approve', 'session'),
    button('Deny', 'button', 'deny', 'once'));

  const settle = (text) => {
    element.classList.add('settled');
    answers.replaceChildren(h('span', { className: 'note' }, text));
  };
  return {
    element,
    resolved({ decision, by, via }) {
      const who = [by && `by ${by}`, via && `via ${via}`].filter(Boolean).join(' ');
      settle([DECISIONS[decision] ?? decision, who].filter(Boolean).join(' '));
    },
    close() {
      if (!element.classList.contains('settled')) settle('The run ended before this was decided.');
    },
  };
}
