// A real browser at a real server with the demo model: what the tests of the console share.
//
// `playwright-core` is found through NODE_PATH, the browser through CHROMIUM
// (default /usr/bin/chromium). The server is the one at LIVOS_CONSOLE_URL with
// the key LIVOS_CONSOLE_KEY; without these, LIVOS_SERVER_BIN (default
// target/debug/livos-server) is started on a free port with a home of its own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';
import { fileURLToPath } from 'node:url';

export const require = createRequire(import.meta.url);
const { chromium } = require('playwright-core');

const START_PATIENCE_MS = 30_000;
const PATIENCE_MS = 20_000;

/** The server, the wire to it that can be cut, and the page of the test that goes. */
export let server;
export let wire;
export let page;
let browser;
let problems;

before(async () => {
  server = await reachServer();
  wire = await openWire(new URL(server.url).port);
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
});

after(async () => {
  await browser?.close();
  wire?.close();
  await server?.stop();
});

beforeEach(async () => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  problems = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) problems.push(message.text());
  });
});

afterEach(async () => {
  await page.context().close();
  assert.deepEqual(problems, [], 'the page had errors');
});

/** Logs in. */
export async function enter() {
  await page.goto(wire.url);
  await page.fill('#key', server.key);
  await page.click('#login-button');
  await page.locator('#empty').waitFor();
}

/** Asks the API beside the console. */
export async function callApi(method, path, body) {
  const answer = await fetch(new URL(path, server.url), {
    method,
    headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.status === 204 ? undefined : answer.json();
}

/** Sends a message. */
export async function say(text) {
  await page.fill('#message', text);
  await page.press('#message', 'Enter');
}

/** Waits until so many runs are done. */
export async function finished(runs) {
  await page.waitForFunction((count) => document.querySelectorAll('.run.finished').length === count, runs);
}

/** What is shown of the runs. How long the reasoning took is only known to who watched it. */
export async function transcript() {
  const runs = await page.locator('.run').evaluateAll((elements) => elements.map((element) => element.textContent));
  return runs.map((text) => text.replace(/Thought for [\d.]+ m?s|Thoughts/g, 'Thoughts'));
}

// The browser talks through this, so that its connections can be cut like a cable.
async function openWire(port) {
  const sockets = new Set();
  let whole = true;
  const relay = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]]) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const cut = () => {
    whole = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${relay.address().port}/`,
    cut,
    mend: () => { whole = true; },
    close: () => {
      cut();
      relay.close();
    },
  };
}

async function reachServer() {
  const { LIVOS_CONSOLE_URL: url, LIVOS_CONSOLE_KEY: key } = process.env;
  if (url && key) return { url, key, stop: async () => {} };
  return startServer();
}

async function startServer() {
  const binary = process.env.LIVOS_SERVER_BIN
    ?? fileURLToPath(new URL('../../../target/debug/livos-server', import.meta.url));
  const home = await mkdtemp(join(tmpdir(), 'livos-console-'));
  const key = 'console-test-key-0123456789abcdef';
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const inherited = Object.entries(process.env).filter(([name]) => ['PATH', 'HOME', 'TMPDIR', 'LANG'].includes(name));
  const child = spawn(binary, [], {
    env: { ...Object.fromEntries(inherited), LIVOS_HOME: home, LIVOS_LISTEN: `127.0.0.1:${port}`, LIVOS_API_KEY: key, LIVOS_MODEL: 'demo/demo', LIVOS_COMPACTION_KEEP_MESSAGES: '2' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const gone = once(child, 'exit');
  const stop = async () => {
    child.kill();
    await gone;
    await rm(home, { recursive: true, force: true });
  };
  const deadline = Date.now() + START_PATIENCE_MS;
  while (!(await answers(`${url}readyz`))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Error(`${binary} did not become ready`);
    }
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  return { url, key, stop };
}

async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}
