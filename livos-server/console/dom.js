// Small pieces for building DOM. Text always becomes text nodes: nothing in the console parses HTML.

/**
 * Builds an element. Names with a dash, and `role`, become attributes; names that
 * start with `on` become listeners; everything else is set as a property.
 */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'role' || name.includes('-')) element.setAttribute(name, value);
    else element[name] = value;
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === undefined || child === null || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child);
  }
}

/** The element with this id; the page's skeleton is fixed, so a missing one is a mistake of ours. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

let liveText = '';

/** Says something to screen readers, politely. */
export function announce(text) {
  const region = byId('announcer');
  // The same words twice would not be read twice without a change of the text.
  region.textContent = text === liveText ? `${text}\u00a0` : text;
  liveText = region.textContent;
}

let toastTimer;

/** Shows a short message about something that failed or was done. */
export function toast(text, tone = 'danger') {
  const region = byId('toast');
  region.className = `toast toast-${tone}`;
  region.textContent = text;
  region.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { region.hidden = true; }, 6000);
}

/** Copies text, also where the page has no secure context and so no clipboard API. */
export async function copyText(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Denied by the browser: the older way below may still work.
    }
  }
  const area = h('textarea', { value: text, className: 'sr-only', 'aria-hidden': 'true' });
  document.body.append(area);
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  return copied;
}
