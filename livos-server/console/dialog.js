// Questions that must be answered before something goes on.

import { h } from './dom.js';

/** Asks for a line that may be left empty; resolves to it, or to nothing when the person thinks better of it. */
export function ask({ title, text, label, placeholder, action }) {
  return new Promise((resolve) => {
    const field = h('input', { id: 'dialog-field', className: 'field', maxLength: 500, placeholder, autocomplete: 'off' });
    const dialog = h('dialog', { className: 'dialog', 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text' },
      h('h2', { id: 'dialog-title' }, title),
      h('p', { id: 'dialog-text' }, text),
      h('form', { method: 'dialog' },
        h('label', { className: 'dialog-label', htmlFor: 'dialog-field' }, label), field,
        h('div', { className: 'dialog-actions' },
          h('button', { type: 'button', className: 'button', onclick: () => dialog.close('no') }, 'Cancel'),
          h('button', { className: 'button primary', value: 'yes' }, action))));
    present(dialog, () => resolve(dialog.returnValue === 'yes' ? field.value.trim() : null));
    field.focus();
  });
}

/** Asks; resolves to whether the person agreed. */
export function confirm({ title, text, action }) {
  return new Promise((resolve) => {
    const dialog = h('dialog', { className: 'dialog', 'aria-labelledby': 'dialog-title', 'aria-describedby': 'dialog-text' },
      h('h2', { id: 'dialog-title' }, title),
      h('p', { id: 'dialog-text' }, text),
      h('form', { method: 'dialog', className: 'dialog-actions' },
        h('button', { className: 'button', value: 'no', autofocus: true }, 'Cancel'),
        h('button', { className: 'button danger', value: 'yes' }, action)));
    present(dialog, () => resolve(dialog.returnValue === 'yes'));
  });
}

/** Opens a dialog over everything else. */
export function present(dialog, closed) {
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close('no');
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    closed();
  });
  document.body.append(dialog);
  dialog.showModal();
}
