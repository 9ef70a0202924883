// The pages of the console beside the conversations, in a real browser: see harness.mjs for what it needs.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { callApi, enter, finished, page, require, say, wire } from './harness.mjs';

const PAGES = ['tasks', 'schedules', 'agents', 'memory', 'approvals', 'mcp', 'secrets', 'usage'];
/** The demo model repeats word by word what it shall think about, so this goes on until it is stopped. */
const LONG_WORK = `think about ${'nothing much '.repeat(3000)}`;

const row = (text) => page.locator('.row', { hasText: text });

async function open(name) {
  await enter();
  await page.click(`#to-${name}`);
  await page.locator('.rows[aria-busy="false"]').first().waitFor();
}

async function agree(label) {
  await page.locator('dialog').last().getByRole('button', { name: label, exact: true }).click();
}

async function toast(text) {
  await page.locator('#toast', { hasText: text }).waitFor();
}

async function forgetAll() {
  const { items } = await callApi('GET', '/api/memories?versions=all&limit=200');
  for (const { id } of items) await callApi('DELETE', `/api/memories/${id}`).catch(() => {});
}

test('a memory is added, told again, found with its score, changed and forgotten', async () => {
  await forgetAll();
  await open('memory');
  await page.getByText('Nothing is remembered yet').waitFor();
  await page.getByRole('button', { name: 'Add a memory' }).first().click();
  await agree('Remember');
  await page.getByText('This is needed.').waitFor();
  await page.getByLabel('What is to be remembered').fill('I drink my <b>coffee</b> black.');
  await page.getByLabel('What it is about').selectOption('Preference');
  await page.getByLabel('How sure it is').fill('101');
  await agree('Remember');
  await page.getByText('It must be from 0 to 100.').waitFor();
  await page.getByLabel('How sure it is').fill('80');
  await agree('Remember');
  await toast('It is remembered.');
  await row('I drink my <b>coffee</b> black.').getByText('80 % sure').waitFor();
  await page.getByText('1 memory').first().waitFor();

  await page.getByRole('button', { name: 'Add a memory' }).first().click();
  await page.getByLabel('What is to be remembered').fill('i drink my <b>coffee</b> BLACK');
  await agree('Remember');
  await toast('That was known already.');
  assert.equal(await page.locator('.row').count(), 1);

  await page.getByLabel('Search memories').fill('coffee');
  await page.getByText('1 memory found by words only, without vectors').waitFor();
  const hit = row('coffee');
  assert.match(await hit.locator('.score').textContent(), /^\d+ % by words$/);
  assert.equal(await hit.locator('mark').textContent(), 'coffee');
  await page.getByLabel('Search memories').fill('astronomy');
  await page.getByText('Nothing fits').waitFor();
  await page.getByLabel('Search memories').fill('');

  await row('coffee').getByLabel(/^Edit/).click();
  await page.getByLabel('What is to be remembered').fill('I drink tea.');
  await agree('Save');
  await row('I drink tea.').waitFor();
  await row('I drink tea.').getByLabel(/^Forget/).click();
  await agree('Forget');
  await page.getByText('Nothing is remembered yet').waitFor();
});

test('what a memory took the place of is kept and shown', async () => {
  await forgetAll();
  const { memory: first } = await callApi('POST', '/api/memories', { text: 'I live in Lisbon.', kind: 'profile' });
  const { memory: second } = await callApi('POST', '/api/memories', { text: 'I live in Porto.', kind: 'profile', replaces: first.id });
  await callApi('POST', '/api/memories', { text: 'I live in Braga.', kind: 'profile', replaces: second.id });
  await open('memory');
  assert.equal(await page.locator('.row').count(), 1);
  await row('Braga').getByText('Took the place of an earlier memory').click();
  await row('Braga').getByText('I live in Lisbon.').waitFor();
  assert.deepEqual(await page.locator('.chain .cut').allTextContents(), ['I live in Porto.', 'I live in Lisbon.']);
  await page.getByLabel('Earlier versions').check();
  await page.waitForFunction(() => document.querySelectorAll('.row-past').length === 2);
  await page.getByLabel('Kind', { exact: true }).selectOption('event');
  await page.getByText('Nothing fits').waitFor();
  await page.getByLabel('Kind', { exact: true }).selectOption('');
  await page.getByLabel('Age', { exact: true }).selectOption('day');
  await page.waitForFunction(() => document.querySelectorAll('.row').length === 3);
  await page.getByLabel('Age', { exact: true }).selectOption('older');
  await page.getByText('Nothing fits').waitFor();
});

test('memories go to a file and come from one, and many are read in parts', async () => {
  await forgetAll();
  await open('memory');
  const lines = Array.from({ length: 201 }, (_, at) => JSON.stringify({ text: `Fact number ${at} of this test.`, kind: 'other', confidence: 100 }));
  const file = Buffer.from(['{"livos_memory":1}', ...lines, ''].join('\n'));
  await page.locator('input[type=file]').setInputFiles({ name: 'memories.jsonl', mimeType: 'application/x-ndjson', buffer: file });
  await toast('201 new');
  await page.getByText('201 memories').first().waitFor();
  assert.equal(await page.locator('.row').count(), 50);
  for (const shown of [100, 150, 200, 201]) {
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.waitForFunction((count) => document.querySelectorAll('.row').length === count, shown);
  }
  await page.getByRole('button', { name: 'Show more' }).waitFor({ state: 'hidden' });
  await page.locator('.report-card summary').click();
  await page.getByText('Found by words only: no embedding model is set').waitFor();
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Export' }).click()]);
  assert.equal(download.suggestedFilename(), 'memories.jsonl');
  assert.equal((await readFile(await download.path(), 'utf8')).trim().split('\n').length, 202);
  const broken = Buffer.from('{"livos_memory":99}\n');
  await page.locator('input[type=file]').setInputFiles({ name: 'memories.jsonl', mimeType: 'application/x-ndjson', buffer: broken });
  await page.locator('#toast.toast-danger').waitFor();
  await forgetAll();
});

test('an agent is kept, changed, given a task and deleted', async () => {
  await open('agents');
  await page.getByRole('button', { name: 'New agent' }).first().click();
  await page.getByLabel('Name').fill('No Name');
  await page.getByLabel('What it is good for').fill('Knows the <i>time</i>.');
  await page.getByLabel('Standing instructions').fill('You are a clerk.');
  await page.getByLabel('Turns').fill('9');
  await agree('Keep it');
  await page.getByText('Small letters, digits and -, beginning with a letter.').waitFor();
  await page.getByText('It must be from 1 to 8.').waitFor();
  await page.getByLabel('Name').fill('clerk');
  await page.getByLabel('Turns').fill('3');
  await page.getByLabel('Tools').selectOption('Only some of them');
  await page.getByLabel('time', { exact: true }).check();
  await agree('Keep it');
  await row('clerk').getByText('1 tool', { exact: true }).waitFor();

  await page.getByRole('button', { name: 'New agent' }).first().click();
  await page.getByLabel('Name').fill('clerk');
  await page.getByLabel('What it is good for').fill('Another.');
  await page.getByLabel('Standing instructions').fill('You are another.');
  await agree('Keep it');
  await page.getByText("there is an agent 'clerk' already").waitFor();
  await agree('Cancel');

  await row('clerk').getByLabel(/^Edit/).click();
  await page.getByLabel('Tools').selectOption('All tools of who starts it');
  await agree('Save');
  await row('clerk').getByText('all tools of who starts it').waitFor();
  await row('clerk').getByText('version 2').waitFor();

  await row('clerk').getByLabel(/^Give a task to/).click();
  await page.getByLabel('What is to be done').fill('6 * 7');
  await agree('Start');
  await toast('It is being done.');
  await page.click('#to-tasks');
  await row('6 * 7').getByText('clerk').waitFor();
  await row('6 * 7').getByText('Done').waitFor();

  await page.click('#to-agents');
  await row('clerk').getByLabel(/^Delete/).click();
  await agree('Delete');
  await row('clerk').waitFor({ state: 'detached' });
});

test('tasks are started, wait for their turn, are stopped, and tell what came of them', async () => {
  await open('tasks');
  await page.getByRole('button', { name: 'New task' }).first().click();
  await page.getByLabel('What is to be done').fill(`What time is it?\n\n2 * 4`);
  await page.getByLabel('Each line is a task of its own').check();
  await agree('Start');
  await toast('2 tasks are being done.');
  await row('2 * 4').getByText('Done').waitFor();
  await row('2 * 4').locator('summary').click();
  await row('2 * 4').locator('.prose').getByText(/2 \* 4 = 8/).first().waitFor();

  // One more than may go at a time.
  const { tasks } = await callApi('POST', '/api/tasks', { tasks: Array.from({ length: 5 }, (_, at) => `${LONG_WORK} ${at}`) });
  await page.getByText('Waits for other tasks: 4 go at a time.').waitFor();
  await page.getByLabel('State').selectOption('queued');
  await page.waitForFunction(() => document.querySelectorAll('.row').length === 1);
  await page.getByLabel('State').selectOption('running');
  await page.waitForFunction(() => document.querySelectorAll('.row').length === 4);
  await page.locator('.row').first().getByLabel(/^Stop/).click();
  await agree('Stop it');
  await page.getByLabel('State').selectOption('cancelled');
  await page.locator('.row').first().getByText('Stopped').waitFor();
  for (const { id } of tasks) await callApi('POST', `/api/tasks/${id}/cancel`);

  await page.getByLabel('State').selectOption('');
  await row('What time is it?').first().getByRole('link', { name: 'What time is it?', exact: true }).click();
  await finished(1);
  assert.equal(await page.locator('.origin').first().textContent(), 'Task');
});

test('agents that a run starts are cards in it, and lead to their conversations', async () => {
  await enter();
  await say('call sessions_create {"task": "What time is it?"}');
  const card = page.locator('.subagent');
  await card.getByText('Done').waitFor();
  await finished(1);
  assert.equal(await page.locator('.subagent-group .part-title').textContent(), '1 agent, 1 done');
  await card.getByText('What it said').click();
  await card.locator('.prose').waitFor();
  const parent = page.url();
  await page.reload();
  await card.getByText('Done').waitFor();
  await card.getByRole('link').click();
  await page.getByText('Started by another conversation').click();
  await page.waitForURL(parent);
});

test('an agent that is heard of later is seen to go', async () => {
  await enter();
  await say(`call sessions_create ${JSON.stringify({ task: `think about ${'green tea '.repeat(40)}`, result: 'later' })}`);
  const card = page.locator('.subagent');
  await card.getByText('Running').waitFor();
  await card.getByText('Done').waitFor();
});

test('everything that waits is on one page, with the rules', async () => {
  const rule = await callApi('POST', '/api/approvals/rules', { action: 'ask', pattern: { tool: 'time' } });
  try {
    await enter();
    await say('What time is it?');
    await page.locator('.approval').getByText('Allow time?').waitFor();
    await page.locator('#inbox').waitFor();
    await page.click('#inbox');
    await page.getByRole('menuitem', { name: 'All approvals' }).click();
    await page.locator('.row-card').getByText('Allow time?').waitFor();
    await page.getByRole('button', { name: 'Allow once' }).click();
    await page.getByText('Nothing waits for you').waitFor();
    await row('Asked about: time').getByLabel(/^Remove/).click();
    await agree('Remove');
    await row('Asked about: time').waitFor({ state: 'detached' });
    await row('time').getByText('Approved').first().waitFor();
  } finally {
    await callApi('DELETE', `/api/approvals/rules/${rule.id}`).catch(() => {});
  }
});

test('a question with a schema is a form; one that no form can be made of takes JSON', async () => {
  await enter();
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', title: 'Your name', minLength: 2 },
      email: { type: 'string', format: 'email' },
      age: { type: 'integer', minimum: 18, maximum: 120 },
      weight: { type: ['number', 'null'] },
      colour: { type: 'string', enum: ['red', 'blue'], enumNames: ['Red', 'Blue'] },
      size: { oneOf: [{ const: 's', title: 'Small' }, { const: 'l', title: 'Large' }], default: 'l' },
      days: { type: 'array', items: { enum: ['Monday', 'Friday'] }, minItems: 1 },
      newsletter: { type: 'boolean', default: true },
    },
    required: ['name', 'age', 'colour', 'days'],
  };
  await ask({ text: 'Who are you?', schema });
  const card = page.locator('#under-test .approval');
  await card.getByRole('button', { name: 'Answer' }).click();
  assert.equal(await card.getByText('This is needed.').count(), 3);
  await card.getByText('Choose at least 1.').waitFor();
  await card.getByLabel('Your name').fill('A');
  await card.getByLabel('Email').fill('nobody');
  await card.getByLabel('Age', { exact: true }).fill('17.5');
  await card.getByRole('button', { name: 'Answer' }).click();
  await card.getByText('At least 2 characters are needed.').waitFor();
  await card.getByText('Only whole numbers are possible.').waitFor();
  assert.equal(await card.locator('[aria-invalid="true"]').count(), 5);
  await card.getByLabel('Your name').fill('Ann');
  await card.getByLabel('Email').fill('ann@example.org');
  await card.getByLabel('Age', { exact: true }).fill('44');
  await card.getByLabel('Colour').selectOption('Blue');
  await card.getByLabel('Friday').check();
  await card.getByRole('button', { name: 'Answer' }).click();
  assert.deepEqual(await page.evaluate(() => window.answered), {
    decision: 'approve',
    answer: { name: 'Ann', email: 'ann@example.org', age: 44, colour: 'blue', size: 'l', days: ['Friday'], newsletter: true },
  });

  await ask({ text: 'Sign in there.', choices: ['done'], link: 'https://example.org/sign-in?x=<b>' });
  assert.equal(await card.getByRole('link').textContent(), 'https://example.org/sign-in?x=<b>');
  assert.equal(await card.getByRole('link').getAttribute('rel'), 'noopener noreferrer');
  await ask({ text: 'Sign in there.', choices: ['done'], link: 'javascript:window.pwned=1' });
  assert.equal(await card.getByRole('link').count(), 0);

  await ask({ text: 'Which ones?', schema: { type: 'array', items: { type: 'object' } } });
  await card.locator('textarea').fill('[{"a": 1}');
  await card.getByRole('button', { name: 'Answer' }).click();
  await card.getByText('This is no JSON.').waitFor();
  await card.locator('textarea').fill('[{"a": 1}]');
  await card.getByRole('button', { name: 'Answer' }).click();
  assert.deepEqual(await page.evaluate(() => window.answered), { decision: 'approve', answer: [{ a: 1 }] });
});

/** Shows the card of a question as it stands in a conversation. */
async function ask(question) {
  await page.evaluate(async (asked) => {
    const { approvalCard } = await import('./approval_card.js');
    document.getElementById('under-test')?.remove();
    const place = document.createElement('div');
    place.id = 'under-test';
    window.answered = null;
    place.append(approvalCard({ approval_id: 'x', tool: 'ask', question: asked }, async (id, answer) => { window.answered = answer; }).element);
    document.getElementById('transcript').append(place);
    document.getElementById('empty').hidden = true;
  }, question);
}

test('memories that a run was given are a line that opens; kinds nobody knows do no harm', async () => {
  await enter();
  const shown = await page.evaluate(async () => {
    const { RunView } = await import('./run_view.js');
    const run = new RunView('r', {});
    const at = new Date().toISOString();
    const facts = [{ id: '1', text: 'I drink <b>tea</b>.', as_of: at }, { id: '2', text: 'I live in Porto.', as_of: at }];
    run.apply({ type: 'memories_recalled', at, seq: 2, facts, method: 'lexical', tokens: 30, note: 'words must match' });
    run.apply({ type: 'memories_recalled', at, seq: 3, facts: [], method: 'lexical', tokens: 0 });
    run.apply({ type: 'something_of_tomorrow', at, seq: 4 });
    run.paint();
    return run.element.querySelectorAll('.recalled').length === 1 && run.element.querySelector('.recalled').textContent;
  });
  assert.match(shown, /^Used 2 memoriesI drink <b>tea<\/b>\.I live in Porto\.Found by words only, 30 tokens, words must match\. All/);
});

test('schedules are made, listed, paused and deleted', async () => {
  await open('schedules');
  await page.getByRole('button', { name: 'New schedule' }).first().click();
  await page.getByLabel('What to call it').fill('Water the <b>plants</b>');
  await page.getByLabel('What the agent is told each time').fill('Water them.');
  await page.getByLabel('Cron expression').fill('every day');
  await agree('Make it');
  await page.locator('.field-problem:not([hidden])').first().waitFor();
  await page.getByLabel('When').selectOption('Again and again');
  await page.getByLabel('Seconds between two times').fill('3600');
  await agree('Make it');
  await toast('It is due');
  const schedule = row('Water the <b>plants</b>');
  await schedule.getByText('every 3600 s').waitFor();
  await schedule.getByLabel(/^Pause/).click();
  await schedule.getByText('somebody paused it').waitFor();
  await schedule.getByLabel(/^Resume/).click();
  await schedule.getByLabel(/^Pause/).waitFor();
  await schedule.getByLabel(/^Delete/).click();
  await agree('Delete');
  await schedule.waitFor({ state: 'detached' });
});

test('an MCP server is added, told of its failure, switched off and removed', async () => {
  await open('mcp');
  await page.getByRole('button', { name: 'Add a server' }).first().click();
  await page.getByLabel('Name').fill('No Name');
  await page.getByLabel('Program', { exact: true }).fill('/nowhere/program-of-this-test');
  await agree('Add');
  await page.locator('.field-problem:not([hidden]), .form-problem:not([hidden])').first().waitFor();
  await page.getByLabel('Name').fill('console-test');
  await page.getByLabel('Variables').fill('TOKEN');
  await agree('Add');
  await page.getByText('Each line must be NAME=value.').waitFor();
  await page.getByLabel('Variables').fill('TOKEN=a=b\n');
  await agree('Add');
  const server = row('console-test');
  await server.getByText('failed', { exact: true }).waitFor();
  await server.locator('.row-failure').first().waitFor();
  await server.getByLabel(/^Switch off/).click();
  await server.getByText('switched off').waitFor();
  await server.getByLabel(/^Remove/).click();
  await agree('Remove');
  await server.waitFor({ state: 'detached' });
});

test('a secret is sealed and removed, and its value is nowhere', async () => {
  await open('secrets');
  await page.getByRole('button', { name: 'Set a secret' }).first().click();
  await page.getByLabel('Name').fill('CONSOLE_TEST_KEY');
  await page.getByLabel('Value').fill('short');
  await agree('Seal');
  await page.getByText('At least 8 characters are needed.').waitFor();
  await page.getByLabel('Value').fill('a-value-of-this-test');
  await agree('Seal');
  await toast('CONSOLE_TEST_KEY is sealed.');
  await row('CONSOLE_TEST_KEY').waitFor();
  assert.ok(!(await page.content()).includes('a-value-of-this-test'));
  await row('CONSOLE_TEST_KEY').getByLabel(/^Remove/).click();
  await agree('Remove');
  await row('CONSOLE_TEST_KEY').waitFor({ state: 'detached' });
});

test('what was used is told by model, day and purpose', async () => {
  await enter();
  await say('6 * 7');
  await finished(1);
  await page.click('#to-usage');
  await row('demo').first().getByText(/[\dk] tokens/).waitFor();
  await page.getByText('Tokens by day').waitFor();
});

test('a page without its server says so, keeps what it has, and is up to date again', async () => {
  await forgetAll();
  await callApi('POST', '/api/memories', { text: 'I was here before.' });
  await open('memory');
  await row('I was here before.').waitFor();
  wire.cut();
  await page.getByLabel('Kind', { exact: true }).selectOption('other');
  await page.getByText('This may be out of date. The server cannot be reached.').waitFor();
  await row('I was here before.').waitFor();
  wire.mend();
  await callApi('POST', '/api/memories', { text: 'I came while nobody looked.' });
  await page.getByRole('button', { name: 'Try again' }).click();
  await row('I came while nobody looked.').waitFor();
  assert.equal(await page.getByText('This may be out of date.').count(), 0);
  wire.cut();
  await page.click('#to-usage');
  await page.getByText(/could not be loaded|cannot be reached/).waitFor();
  wire.mend();
  await forgetAll();
});

test('the keyboard is enough', async () => {
  await forgetAll();
  await enter();
  await page.locator('#to-memory').focus();
  await page.keyboard.press('Enter');
  await page.getByText('Nothing is remembered yet').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'page');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.locator('dialog').waitFor();
  await page.keyboard.type('I use the keyboard.');
  await page.keyboard.press('Escape');
  await page.locator('dialog').waitFor({ state: 'detached' });
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Add a memory', 'the focus goes back');
  await page.keyboard.press('Enter');
  await page.keyboard.type('I use the keyboard.');
  for (const key of ['Tab', 'Tab', 'Enter']) await page.keyboard.press(key);
  await row('I use the keyboard.').waitFor();
  await row('I use the keyboard.').getByLabel(/^Forget/).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByText('Nothing is remembered yet').waitFor();
  assert.notEqual(await page.evaluate(() => document.activeElement.tagName), 'BODY', 'the focus stays in the list');
});

test('no page scrolls sideways or has a fault that axe finds, wide and narrow, dark and light', async () => {
  const axe = await readFile(require.resolve('axe-core/axe.min.js'), 'utf8');
  await callApi('POST', '/api/memories', { text: `${'long'.repeat(120)} and more of it.`, confidence: 10 });
  await callApi('POST', '/api/subagents', { id: 'a'.repeat(64), description: 'd'.repeat(900), instructions: 'i'.repeat(900), tools: ['time'] });
  await callApi('POST', '/api/tasks', { tasks: ['x'.repeat(300)] });
  await enter();
  const faults = [];
  for (const colorScheme of ['dark', 'light']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 844 });
      for (const name of [...PAGES, '']) {
        await page.goto(`${wire.url}#/${name}`);
        await page.locator(name ? '.rows[aria-busy="false"] :is(.row-text, .nothing)' : '#empty').first().waitFor();
        const { violations } = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`);
        faults.push(...violations.map(({ id, nodes }) => `${name} ${width} ${colorScheme}: ${id} ${nodes[0].html}`));
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        if (wide > width) faults.push(`${name} ${width}: scrolls sideways, ${wide}`);
      }
    }
  }
  await callApi('DELETE', `/api/subagents/${'a'.repeat(64)}`);
  await forgetAll();
  assert.deepEqual(faults, []);
});
