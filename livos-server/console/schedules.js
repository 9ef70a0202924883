// The schedules there are, in a dialog: what is due when, and the few things one does about it.

import { changeSchedule, deleteSchedule, listSchedules, runSchedule } from './api.js';
import { confirm } from './dialog.js';
import { h, toast } from './dom.js';
import { icon } from './icons.js';

/** Opens the list. */
export function openSchedules() {
  const list = h('ul', { className: 'schedules', 'aria-label': 'Schedules', 'aria-busy': 'true' });
  const dialog = h('dialog', { className: 'dialog dialog-wide', 'aria-labelledby': 'schedules-title' },
    h('h2', { id: 'schedules-title' }, 'Schedules'),
    h('p', {}, 'Work at its time. Ask the agent for one, or make one with ', h('code', {}, 'livos schedules add'), '.'),
    list,
    h('form', { method: 'dialog', className: 'dialog-actions' }, h('button', { className: 'button', autofocus: true }, 'Close')));
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  refresh(list, dialog);
}

async function refresh(list, dialog) {
  try {
    const { items } = await listSchedules();
    const rows = items.map((schedule) => row(schedule, list, dialog));
    list.replaceChildren(...(rows.length ? rows : [h('li', { className: 'session-none' }, 'There are none.')]));
    list.setAttribute('aria-busy', 'false');
  } catch (error) {
    if (error.status !== 401) toast(error.message);
    dialog.close();
  }
}

function row(schedule, list, dialog) {
  const { title } = schedule.plan;
  const act = (label, name, action) => h('button', {
    type: 'button', className: 'icon-button', title: label, 'aria-label': `${label}: ${title}`,
    onclick: async (event) => {
      event.currentTarget.disabled = true;
      try {
        await action();
      } catch (error) {
        toast(error.message);
      }
      await refresh(list, dialog);
    },
  }, icon(name, 16));
  const goesOn = schedule.status === 'active';
  const actions = [act('Run now', 'bolt', () => runSchedule(schedule.id))];
  if (goesOn) actions.push(act('Pause', 'block', () => changeSchedule(schedule.id, { enabled: false })));
  if (schedule.status === 'paused') actions.push(act('Resume', 'retry', () => changeSchedule(schedule.id, { enabled: true })));
  actions.push(act('Delete', 'trash', async () => {
    const text = `“${title}” fires no more. What was said in its conversation stays.`;
    if (await confirm({ title: 'Delete this schedule?', text, action: 'Delete' })) await deleteSchedule(schedule.id);
  }));
  const link = h('a', { className: 'schedule-title', href: `#/s/${schedule.session_id}`, onclick: () => dialog.close() }, title);
  return h('li', { className: 'schedule' },
    h('div', { className: 'schedule-text' }, link, h('p', {}, standing(schedule))),
    h('div', { className: 'schedule-actions' }, actions));
}

/** Where it stands, in a line. */
function standing(schedule) {
  const fired = schedule.fired === 1 ? 'fired once' : `fired ${schedule.fired} times`;
  const next = schedule.next_at ? `next ${new Date(schedule.next_at).toLocaleString()}` : schedule.status;
  return [schedule.when, next, schedule.reason, fired].filter(Boolean).join(' · ');
}
