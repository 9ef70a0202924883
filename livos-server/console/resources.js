// What the pages show and change, a group for each resource of the API.

import { json } from './api.js';

const id = encodeURIComponent;

/** A path with the parameters that are set. */
function path(base, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value) query.set(name, value);
  return query.size ? `${base}?${query}` : base;
}

/** Requests to people, `{id, status, tool, input, reason, question?, session_id, ...}`, and the rules they made. */
export const approvals = {
  /** Newest first; `status`: `pending`, `approved`, `denied`, `expired`, `abandoned`. */
  list: (parameters) => json('GET', path('api/approvals', parameters)),
  /** Answers one: `{decision: 'approve' | 'deny', scope?, pattern?, answer?, note?}`. */
  decide: (approval, answer) => json('POST', `api/approvals/${id(approval)}`, { body: answer }),
  rules: () => json('GET', 'api/approvals/rules'),
  removeRule: (rule) => json('DELETE', `api/approvals/rules/${id(rule)}`),
};

/** What is remembered of the owner. */
export const memories = {
  /** Newest first; `kind`, and `versions: 'all'` for those that others took the place of. */
  list: (parameters) => json('GET', path('api/memories', parameters)),
  /** The best first: `{items: [{score, memory}], method, note?}`. */
  search: (parameters) => json('GET', path('api/memories/search', parameters)),
  get: (memory) => json('GET', `api/memories/${id(memory)}`),
  /** Keeps one: `{outcome: 'added' | 'replaced' | 'known', memory}`. */
  add: (fields) => json('POST', 'api/memories', { body: fields }),
  change: (memory, fields) => json('PATCH', `api/memories/${id(memory)}`, { body: fields }),
  forget: (memory) => json('DELETE', `api/memories/${id(memory)}`),
  report: () => json('GET', 'api/memories/report'),
  /** Takes the lines of an export over: `{added, known, expired}`. */
  import: (lines) => json('POST', 'api/memories/import', { body: lines, type: 'application/x-ndjson' }),
};

/** Agents that are kept under a name. */
export const agents = {
  list: () => json('GET', 'api/subagents'),
  create: (fields) => json('POST', 'api/subagents', { body: fields }),
  change: (agent, fields) => json('PATCH', `api/subagents/${id(agent)}`, { body: fields }),
  remove: (agent) => json('DELETE', `api/subagents/${id(agent)}`),
};

/** Runs, and those in the background. */
export const runs = {
  get: (run) => json('GET', `api/runs/${id(run)}`),
};

/** Work in the background. */
export const tasks = {
  /** Newest first; `status`. */
  list: (parameters) => json('GET', path('api/tasks', parameters)),
  /** One, with the tools it is calling and what it said last. */
  get: (task) => json('GET', `api/tasks/${id(task)}`),
  start: (fields) => json('POST', 'api/tasks', { body: fields }),
  cancel: (task) => json('POST', `api/tasks/${id(task)}/cancel`),
};

/** Work at its times. */
export const schedules = {
  list: (parameters) => json('GET', path('api/schedules', parameters)),
  create: (plan) => json('POST', 'api/schedules', { body: plan }),
  /** The next times of a plan, which is not kept: `{next_times}`. */
  preview: (plan) => json('POST', 'api/schedules/preview', { body: plan }),
  /** `{enabled}` pauses or resumes it. */
  change: (schedule, fields) => json('PATCH', `api/schedules/${id(schedule)}`, { body: fields }),
  /** What came of its newest times. */
  firings: (schedule) => json('GET', `api/schedules/${id(schedule)}/firings?limit=20`),
  run: (schedule) => json('POST', `api/schedules/${id(schedule)}/run`, { body: {} }),
  remove: (schedule) => json('DELETE', `api/schedules/${id(schedule)}`),
};

/** Servers of the Model Context Protocol: `{items, problem?}`. */
export const mcpServers = {
  list: () => json('GET', 'api/mcp/servers'),
  add: (fields) => json('POST', 'api/mcp/servers', { body: fields }),
  /** `{enabled}` switches it on or off. */
  change: (name, fields) => json('PATCH', `api/mcp/servers/${id(name)}`, { body: fields }),
  remove: (name) => json('DELETE', `api/mcp/servers/${id(name)}`),
  restart: (name) => json('POST', `api/mcp/servers/${id(name)}/restart`, { body: {} }),
  /** Accepts the tools of a server as they are now. */
  approve: (name) => json('POST', `api/mcp/servers/${id(name)}/approve`, { body: {} }),
};

/** Sealed values, of which only the names are told. */
export const secrets = {
  list: () => json('GET', 'api/secrets'),
  set: (name, value) => json('PUT', `api/secrets/${id(name)}`, { body: { value } }),
  remove: (name) => json('DELETE', `api/secrets/${id(name)}`),
};

/** What model calls used: `{items: [{group, answered, usage, cost_micro_usd, ...}]}`. */
export const usage = (parameters) => json('GET', path('api/usage', parameters));

/** The tools agents may call. */
export const tools = () => json('GET', 'api/tools');
