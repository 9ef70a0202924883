// A question that must be answered before something cannot be taken back.

import { h } from './dom.js';

/** Asks; resolves to whether the person agreed. */
export function confirm({ title, text, action }) {
  return new Promise((resolve) => {
    const dialog = h('dialog', { className: 'dialog', 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text' },
      h('h2', { id: 'dialog-title' }, title),
      h('p', { id: 'dialog-text' }, text),
      h('form', { method: 'dialog', className: 'dialog-actions' },
        h('button', { className: 'button', value: 'no', autofocus: true }, 'Cancel'),
        h('button', { className: 'button danger', value: 'yes' }, action)));
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog) dialog.close('no');
    });
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
