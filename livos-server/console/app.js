// The console: wires the views to the server. The address after `#` says which session is shown.

import * as api from './api.js';
import { Composer } from './composer.js';
import { byId, h, toast } from './dom.js';
import { EventStream } from './events.js';
import { titleFrom } from './format.js';
import { icon } from './icons.js';
import { Inbox } from './inbox.js';
import { setUpLogin } from './login.js';
import { ModelPicker } from './model_picker.js';
import { Pages } from './pages.js';
import { approvals } from './resources.js';
import { SessionList, titleOf } from './session_list.js';
import { PAGE_ENTRIES, Transcript } from './transcript.js';

const SUGGESTIONS = [
  ['clock', 'What time is it?', 'Asks the clock'],
  ['file', 'List the files in the workspace', 'Looks around in its folder'],
  ['pencil', 'Write notes.md: buy oat milk', 'Makes a file'],
  ['spark', 'Think about names for a robot', 'Shows its reasoning'],
];

/** A connection that is lost only for a moment is not worth a notice. */
const QUIET_MS = 700;

const body = document.body;
const connection = byId('connection');
const wide = matchMedia('(min-width: 769px)');

let session = null;
let pageTitle = null;
let stream = null;
let stopping = null;
let connectionTimer = null;
let countdown = null;

const sessions = new SessionList({
  deleted: (id) => {
    if (id === session) location.hash = '#/';
  },
  changed: showTitle,
  reveal: () => {
    if (!wide.matches) openDrawer();
  },
});
const inbox = new Inbox((id) => { location.hash = `#/s/${id}`; });
const models = new ModelPicker(showDemo);
const pages = new Pages();
const composer = new Composer({ send, stop });
const transcript = new Transcript({
  again: (text) => send(text),
  fork,
  decide: approvals.decide,
  changed: showState,
  runFinished: refreshSoon,
});

/** What the address asks for: `{id}` of a conversation, or the name of a `page`. */
function place() {
  const [, id = null] = /^#\/s\/([\w-]+)$/.exec(location.hash) ?? [];
  const [, name] = /^#\/(\w+)$/.exec(location.hash) ?? [];
  return { id, page: pages.has(name) ? name : null };
}

function route() {
  closeDrawer();
  const { id, page } = place();
  if (!page && !pageTitle && id === session && body.dataset.view === 'console') return;
  show(id, page);
}

async function show(id, page = null) {
  pageTitle = pages.show(page);
  stream?.close();
  stream = null;
  session = id;
  stopping = null;
  transcript.open(id);
  composer.open(id);
  sessions.select(id);
  connectionChanged({ kind: 'open' });
  showTitle();
  showState();
  if (!page) composer.focus();
  if (!id) return;
  body.classList.add('opening');
  let first = 0;
  try {
    const [known, last] = await Promise.all([api.getSession(id), api.lastMessageSeq(id)]);
    if (session !== id) return;
    if (!sessions.get(id)) sessions.add(known);
    models.follow(known.model);
    first = Math.max(0, last - PAGE_ENTRIES);
  } catch (error) {
    if (session !== id || error.status === 401) return;
    if (error.status === 404) {
      toast('That conversation does not exist any more.');
      location.hash = '#/';
      return;
    }
    // The stream below retries on its own.
  }
  showTitle();
  transcript.startAfter(first);
  follow(id, first);
}

function follow(id, after) {
  stream = new EventStream(id, after, {
    onEvent: (event) => {
      transcript.push(event);
      if (event.type.startsWith('approval_') || event.type === 'run_finished') inbox.refreshSoon();
    },
    onRestart: () => transcript.restart(),
    onState: (state) => {
      if (state.kind !== 'connecting') body.classList.remove('opening');
      connectionChanged(state);
    },
  });
}

/** What stands above a message until the server has taken it in, by what shall become of it during a run. */
const PENDING = { steer: 'Will be read at the next step', queue: 'Will be answered next', interrupt: 'Stops the task' };

async function send(text, mode = 'steer') {
  const running = Boolean(transcript.activeRun);
  let pending = transcript.addPending(text, running ? PENDING[mode] : '');
  showState();
  const message = { text, mode, idempotency_key: api.newKey() };
  if (models.chosen) message.model = models.chosen;
  const from = session;
  try {
    const target = from ?? await startSession(text, message.model);
    if (!from && session === target) pending = transcript.addPending(text);
    await api.sendMessage(target, message);
    refreshSoon();
  } catch (error) {
    transcript.dropPending(pending);
    if (session === from || !from) composer.put(text);
    if (error.status !== 401) toast(`The message was not sent. ${error.message}`);
    showState();
  }
}

/** Opens a conversation that has everything up to an entry, with the message after it to be changed and sent. */
async function fork(seq, text) {
  const from = session;
  try {
    const title = `${titleOf(sessions.get(from)).slice(0, 180)} (continued)`;
    const made = await api.forkSession(from, seq, title);
    sessions.add(made);
    if (session !== from) return;
    composer.draft(made.id, text);
    location.hash = `#/s/${made.id}`;
  } catch (error) {
    if (error.status !== 401) toast(`The conversation could not be continued from there. ${error.message}`);
  }
}

async function startSession(text, model) {
  const created = await api.createSession({ title: titleFrom(text), ...(model && { model }) });
  const now = new Date().toISOString();
  sessions.add({ title: titleFrom(text), model, created_at: now, updated_at: now, ...created });
  if (session !== null) return created.id;
  session = created.id;
  composer.moved(created.id);
  history.pushState(null, '', `#/s/${created.id}`);
  sessions.select(created.id);
  showTitle();
  transcript.open(created.id);
  follow(created.id, 0);
  return created.id;
}

async function stop() {
  const run = transcript.activeRun;
  if (!run || stopping === run) return;
  stopping = run;
  showState();
  try {
    await api.cancelRun(run);
  } catch (error) {
    stopping = null;
    showState();
    if (error.status !== 404 && error.status !== 409) toast(`The run could not be stopped. ${error.message}`);
  }
}

let refreshTimer;

function refreshSoon() {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(() => sessions.refresh().then(showTitle, () => {}), 300);
}

function showState() {
  const run = transcript.activeRun;
  if (stopping !== run) stopping = null;
  composer.running(run ? (stopping ? 'stopping' : 'running') : 'idle');
  body.dataset.place = pageTitle ? 'page' : session ? 'session' : 'start';
  byId('empty').hidden = session !== null || !transcript.empty || pageTitle !== null;
  byId('transcript').setAttribute('aria-busy', String(Boolean(run)));
}

function showTitle() {
  const known = sessions.get(session);
  const title = pageTitle ?? (session ? titleOf(known) : 'New chat');
  byId('title').textContent = title;
  byId('title-menu').hidden = !session || !known;
  byId('parent').hidden = !known?.parent;
  byId('parent').href = `#/s/${known?.parent}`;
  document.title = session || pageTitle ? `${title} – LivOS` : 'LivOS';
}

function showDemo() {
  const hidden = sessionStorage.getItem('livos.demo-hidden') === 'yes';
  byId('demo').hidden = hidden || models.effective?.provider !== 'demo';
}

function connectionChanged(state) {
  clearInterval(countdown);
  if (state.kind === 'open') {
    clearTimeout(connectionTimer);
    connectionTimer = null;
    connection.hidden = true;
    return;
  }
  connectionTimer ??= setTimeout(() => { connection.hidden = false; }, QUIET_MS);
  const label = h('span', {});
  const again = h('button', { type: 'button', className: 'ghost', onclick: () => stream?.retryNow() }, 'Retry now');
  const write = () => {
    const seconds = Math.ceil((state.retryAt - Date.now()) / 1000);
    const text = seconds > 1 ? `Reconnecting in ${seconds} s` : 'Reconnecting';
    if (label.textContent !== text) label.textContent = text;
    again.hidden = !(seconds > 1);
  };
  connection.replaceChildren(h('span', { className: 'spinner', 'aria-hidden': 'true' }), label, again);
  write();
  countdown = setInterval(write, 250);
}

function openDrawer() {
  body.classList.add('drawer-open');
  byId('drawer').inert = false;
  document.querySelector('.stage').inert = true;
  byId('drawer-close').focus();
}

function closeDrawer() {
  const wasOpen = body.classList.contains('drawer-open');
  body.classList.remove('drawer-open');
  byId('drawer').inert = !wide.matches;
  document.querySelector('.stage').inert = false;
  if (wasOpen) byId('drawer-open').focus();
}

function newChat() {
  if (session || pageTitle) location.hash = '#/';
  closeDrawer();
  byId('message').focus();
}

function shortcuts(event) {
  if (body.dataset.view !== 'console') return;
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === 'k') {
    event.preventDefault();
    newChat();
  } else if (event.key === 'Escape' && !document.querySelector('dialog[open]')) {
    if (body.classList.contains('drawer-open')) closeDrawer();
    else stop();
  }
}

function needLogin() {
  stream?.close();
  stream = null;
  // What is open would ask again and again.
  pages.show(null);
  connectionChanged({ kind: 'open' });
  body.dataset.view = 'login';
  byId('key').focus();
}

async function enter() {
  try {
    await Promise.all([sessions.refresh(), models.refresh().catch((error) => {
      if (error.status === 401) throw error;
    })]);
  } catch (error) {
    if (error.status === 401) return;
    body.dataset.view = 'console';
    connection.hidden = false;
    connection.replaceChildren(h('span', {}, error.message),
      h('button', { type: 'button', className: 'ghost', onclick: () => location.reload() }, 'Reload'));
    return;
  }
  inbox.refreshSoon();
  session = undefined;
  body.dataset.view = 'console';
  const { id, page } = place();
  show(id, page);
}

async function signOut() {
  try {
    await api.logout();
    needLogin();
  } catch (error) {
    toast(`Signing out did not work. ${error.message}`);
  }
}

function setUp() {
  for (const place of document.querySelectorAll('.brand .logo, .empty .logo')) {
    place.append(icon('logo', place.classList.contains('logo-large') ? 32 : 20));
  }
  byId('drawer-open').append(icon('menu', 20));
  byId('drawer-close').append(icon('close', 20));
  byId('title-menu').append(icon('more', 20));
  byId('demo-icon').append(icon('info', 20));
  byId('demo-close').append(icon('close', 16));
  byId('new-chat').prepend(icon('plus', 16));
  byId('sign-out').prepend(icon('signout', 16));
  byId('parent').prepend(icon('branch', 16));
  document.querySelector('.search').prepend(icon('search', 16));
  byId('new-chat-keys').textContent = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘K' : 'Ctrl K';
  byId('suggestions').append(...SUGGESTIONS.map(([glyph, text, detail]) =>
    h('button', { type: 'button', className: 'suggestion', onclick: () => send(text) },
      icon(glyph, 20), h('span', {}, h('strong', {}, text), h('small', {}, detail)))));

  byId('drawer-open').addEventListener('click', openDrawer);
  byId('drawer-close').addEventListener('click', closeDrawer);
  byId('backdrop').addEventListener('click', closeDrawer);
  byId('top-new').append(icon('plus', 20));
  for (const id of ['new-chat', 'top-new']) {
    byId(id).addEventListener('click', (event) => {
      event.preventDefault();
      newChat();
    });
  }
  byId('title-menu').addEventListener('click', (event) => {
    const known = sessions.get(session);
    if (known) sessions.menu(event.currentTarget, known);
  });
  byId('sign-out').addEventListener('click', signOut);
  document.querySelector('.skip').addEventListener('click', (event) => {
    // The address says what is shown, and is not to change.
    event.preventDefault();
    byId(pageTitle ? 'page' : 'message').focus();
  });
  byId('demo-close').addEventListener('click', () => {
    sessionStorage.setItem('livos.demo-hidden', 'yes');
    showDemo();
  });
  document.addEventListener('keydown', shortcuts);
  wide.addEventListener('change', closeDrawer);
  window.addEventListener('hashchange', route);
  window.addEventListener('focus', () => {
    if (body.dataset.view !== 'console') return;
    refreshSoon();
    inbox.refreshSoon();
  });
  setUpLogin(enter);
  api.whenUnauthorised(needLogin);
  closeDrawer();
  enter();
}

setUp();
