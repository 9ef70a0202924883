// Questions that must be answered before something goes on.

import { h } from './dom.js';
import { SchemaForm } from './form.js';

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

/**
 * Asks for what a schema describes and hands it to `submit(value)`; stays open while that is refused. Resolves to
 * what came of it, or to nothing when the person thinks better of it. `prepare(form)` sees the fields first.
 */
export function fillIn({ title, text, schema, value, action, submit, prepare }) {
  return new Promise((resolve) => {
    let result = null;
    const fields = new SchemaForm(schema, value);
    const problem = h('p', { className: 'form-problem', role: 'alert', hidden: true });
    const button = h('button', { className: 'button primary' }, action);
    const form = h('form', { noValidate: true }, h('div', { className: 'dialog-scroll' }, fields.element, problem),
      h('div', { className: 'dialog-actions' },
        h('button', { type: 'button', className: 'button', onclick: () => dialog.close('no') }, 'Cancel'), button));
    const dialog = h('dialog', { className: 'dialog dialog-wide', 'aria-labelledby': 'dialog-title' },
      h('h2', { id: 'dialog-title' }, title), text && h('p', {}, text), form);
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      problem.hidden = true;
      const read = fields.read();
      if (!read) return;
      button.disabled = true;
      try {
        result = await submit(read);
        dialog.close('yes');
      } catch (error) {
        if (!fields.refuse(error.fields ?? [])) {
          problem.textContent = error.message;
          problem.hidden = false;
        }
      } finally {
        button.disabled = false;
      }
    });
    prepare?.(fields);
    present(dialog, () => resolve(result), 'form');
    fields.focus();
  });
}

/** Opens a dialog over everything else. One with a form is not closed by a click beside it. */
export function present(dialog, closed, kind) {
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog && kind !== 'form') dialog.close('no');
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    closed();
  });
  document.body.append(dialog);
  dialog.showModal();
}
