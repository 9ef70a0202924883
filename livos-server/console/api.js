// The HTTP API. Every address is relative to the page, so that the console works under any base path.

const BASE = new URL('./', document.baseURI);

/** A request that did not succeed. `status` is 0 when the server could not be reached. */
export class ApiError extends Error {
  constructor(status, message, { fields = [], ...options } = {}) {
    super(message, options);
    this.status = status;
    /** What of the input cannot be used: `{field, message}` each. */
    this.fields = fields;
  }
}

let unauthorised = () => {};

/** Sets what happens when the server no longer knows who we are. */
export function whenUnauthorised(action) {
  unauthorised = action;
}

/** The address of a route. */
export function address(path) {
  return new URL(path, BASE);
}

async function send(method, path, { body, type = 'application/json', signal, accept = 'application/json' } = {}) {
  const headers = { Accept: accept };
  if (body !== undefined) headers['Content-Type'] = type;
  try {
    return await fetch(address(path), {
      method, headers, signal, credentials: 'same-origin', cache: 'no-store',
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
    });
  } catch (cause) {
    if (cause.name === 'AbortError') throw cause;
    throw new ApiError(0, 'The server cannot be reached.', { cause });
  }
}

async function failure(response) {
  let problem;
  try {
    problem = await response.json();
  } catch {
    // Not every proxy in between answers with a problem document.
  }
  const message = problem?.detail || problem?.title || `The server answered ${response.status}.`;
  return new ApiError(response.status, message, { fields: problem?.errors });
}

/** Asks a route; what it answers is read as JSON. A text is sent as it is, anything else as JSON. */
export async function json(method, path, options) {
  const response = await send(method, path, options);
  if (response.status === 401) unauthorised();
  if (!response.ok) throw await failure(response);
  if (response.status === 204) return null;
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

const id = encodeURIComponent;

/** Exchanges the API key for a session cookie. */
export async function login(key) {
  const response = await send('POST', 'login', { body: { key } });
  if (response.status === 401 || response.status === 403) throw new ApiError(response.status, 'That key is not right.');
  if (response.status === 429) throw new ApiError(429, 'Too many attempts. Wait a minute and try again.');
  if (!response.ok) throw await failure(response);
}

/** Gives the session cookie back. */
export async function logout() {
  const response = await send('POST', 'logout');
  if (!response.ok) throw await failure(response);
}

/** One page of sessions, the last used first: `{items, next_cursor}`. With `words` only those that mention them. */
export function listSessions({ cursor, words } = {}) {
  const query = new URLSearchParams();
  if (words) query.set('q', words);
  if (cursor) query.set('cursor', cursor);
  return json('GET', query.size ? `api/sessions?${query}` : 'api/sessions');
}

/** Creates a session. */
export const createSession = (fields) => json('POST', 'api/sessions', { body: fields });

/** One session. */
export const getSession = (session) => json('GET', `api/sessions/${id(session)}`);

/** The number of the last message's journal entry: about how long a session is. */
export async function lastMessageSeq(session) {
  const { items } = await json('GET', `api/sessions/${id(session)}/messages?limit=1`);
  return items.at(-1)?.seq ?? 0;
}

/** Gives a session another title. */
export const renameSession = (session, title) => json('PATCH', `api/sessions/${id(session)}`, { body: { title } });

/** Removes a session and everything in it. */
export const deleteSession = (session) => json('DELETE', `api/sessions/${id(session)}`);

/** Makes a session that begins like another, up to an entry. */
export const forkSession = (session, seq, title) => json('POST', `api/sessions/${id(session)}/fork`, { body: { seq, title } });

/** Replaces the older messages by a summary, in what the model reads: `{tokens_before, tokens_after, seq?, ...}`. */
export const compactSession = (session, instructions) =>
  json('POST', `api/sessions/${id(session)}/compact`, { body: { instructions } });

/** Stops a run. */
export const cancelRun = (run) => json('POST', `api/runs/${id(run)}/cancel`);

/** The models that can be chosen, each as `{id, provider, model, isDefault}`. */
export async function listModels() {
  const answer = await json('GET', 'api/models');
  const items = Array.isArray(answer) ? answer : answer?.items ?? [];
  return items.map((item) => {
    const provider = item.provider ?? String(item.id ?? '').split('/', 1)[0];
    const model = item.model ?? item.name ?? item.id ?? '';
    const full = item.id ?? (model.startsWith(`${provider}/`) ? model : `${provider}/${model}`);
    return {
      id: full, provider, model: full.slice(full.indexOf('/') + 1),
      isDefault: Boolean(item.default ?? item.is_default) || full === answer?.default,
    };
  });
}

const ATTEMPTS = 3;

/** Sends a message. The key makes it safe to send again when the answer got lost. */
export async function sendMessage(session, message) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await json('POST', `api/sessions/${id(session)}/messages`, { body: message });
    } catch (error) {
      const passing = error.status === 0 || error.status === 502 || error.status === 503;
      if (!passing || attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => { setTimeout(resolve, 400 * attempt ** 2); });
    }
  }
}

/** A key that no other message has. `randomUUID` is missing where the page is not served securely. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Whether the server answers, and knows us: `ok`, `unauthorised` or `unreachable`. */
export async function probe() {
  try {
    const response = await send('GET', 'api/sessions?limit=1');
    if (response.status === 401) {
      unauthorised();
      return 'unauthorised';
    }
    return response.ok ? 'ok' : 'unreachable';
  } catch {
    return 'unreachable';
  }
}

/** The journal entries after one number up to another, for the part of a long session that is not shown yet. */
export async function readEvents(session, after, upTo) {
  const stop = new AbortController();
  const response = await send('GET', `api/sessions/${id(session)}/events?after=${after}&wait=0`, {
    accept: 'text/event-stream', signal: stop.signal,
  });
  if (response.status === 401) unauthorised();
  if (!response.ok) throw await failure(response);
  const events = [];
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return events;
    const frames = (rest + value).split('\n\n');
    rest = frames.pop();
    for (const frame of frames) {
      const data = frame.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5)).join('\n');
      if (!data) continue;
      const event = JSON.parse(data);
      if (event.seq > upTo) {
        stop.abort();
        return events;
      }
      if (event.seq) events.push(event);
    }
  }
}
