// A small menu that opens beside a button and works with arrow keys.

import { h } from './dom.js';
import { icon } from './icons.js';

let close = () => {};

/**
 * Opens a menu under `anchor`. Items: `{label, icon?, detail?, checked?, tone?, action}`
 * or `{heading}`. Only one menu is open at a time.
 */
export function openMenu(anchor, items, label) {
  const wasOpenHere = anchor.getAttribute('aria-expanded') === 'true';
  close();
  if (wasOpenHere) return;
  const choosing = items.some((item) => item.checked !== undefined);
  const list = h('div', { className: 'menu', role: 'menu', 'aria-label': label, tabIndex: -1 },
    items.map((item) => (item.heading ? h('div', { className: 'menu-heading' }, item.heading) : entry(item, choosing))));
  document.body.append(list);
  place(list, anchor);
  anchor.setAttribute('aria-expanded', 'true');

  const outside = (event) => {
    if (!list.contains(event.target) && !anchor.contains(event.target)) close();
  };
  close = () => {
    list.remove();
    anchor.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', outside, true);
    window.removeEventListener('resize', close);
    close = () => {};
  };
  list.addEventListener('click', () => close());
  list.addEventListener('keydown', (event) => navigate(event, list, anchor));
  document.addEventListener('pointerdown', outside, true);
  window.addEventListener('resize', close);
  (list.querySelector('[aria-checked="true"]') ?? list.querySelector('button'))?.focus();
}

function entry(item, choosing) {
  const props = { type: 'button', className: `menu-item ${item.tone ?? ''}`, tabIndex: -1, onclick: item.action };
  props.role = choosing ? 'menuitemradio' : 'menuitem';
  if (choosing) props['aria-checked'] = String(Boolean(item.checked));
  return h('button', props,
    item.icon && icon(item.icon, 16), h('span', { className: 'menu-label' }, item.label),
    item.detail && h('span', { className: 'menu-detail' }, item.detail),
    choosing && h('span', { className: 'menu-check' }, item.checked ? icon('check', 16) : ''));
}

function place(list, anchor) {
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const left = Math.max(8, Math.min(box.left, window.innerWidth - width - 8));
  const below = box.bottom + 6;
  const top = below + height > window.innerHeight - 8 ? Math.max(8, box.top - height - 6) : below;
  list.style.left = `${left}px`;
  list.style.top = `${top}px`;
}

function navigate(event, list, anchor) {
  const entries = [...list.querySelectorAll('button')];
  const at = entries.indexOf(document.activeElement);
  const moves = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 };
  if (event.key in moves) {
    entries.at(moves[event.key] % entries.length)?.focus();
  } else if (event.key === 'Escape' || event.key === 'Tab') {
    close();
    anchor.focus();
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}
