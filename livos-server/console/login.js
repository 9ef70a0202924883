// The login screen: a key is exchanged for a session cookie.

import { login } from './api.js';
import { byId } from './dom.js';
import { icon } from './icons.js';

/** Prepares the screen; `entered` is called when the key was right. */
export function setUpLogin(entered) {
  const form = byId('login-form');
  const field = byId('key');
  const problem = byId('login-problem');
  const button = byId('login-button');
  const reveal = byId('reveal');
  byId('login-logo').append(icon('logo', 28));
  reveal.append(icon('eye', 20));
  reveal.addEventListener('click', () => {
    const shown = field.type === 'text';
    field.type = shown ? 'password' : 'text';
    reveal.setAttribute('aria-pressed', String(!shown));
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const key = field.value.trim();
    if (!key) return;
    problem.hidden = true;
    button.disabled = true;
    try {
      await login(key);
      field.value = '';
      field.type = 'password';
      entered();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      field.setAttribute('aria-invalid', 'true');
      field.select();
    } finally {
      button.disabled = false;
    }
  });
  field.addEventListener('input', () => field.removeAttribute('aria-invalid'));
}
