// Conversations of the console in a real browser: see harness.mjs for what it needs.
//
//   NODE_PATH=…/node_modules node --test --test-concurrency=1 livos-server/tests/console/

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';

import { callApi, enter, finished, page, say, server, transcript, wire } from './harness.mjs';

/** What the demo model answers with a tool call. */
const ASK_FOR_A_TOOL = 'What time is it?';
/** The demo model repeats word by word what it shall think about, so this takes it seconds or minutes. */
const ASK_FOR_SOME_SECONDS = `think about ${'green tea '.repeat(150)}`;
const ASK_FOR_LONG_WORK = `think about ${'nothing much '.repeat(3000)}`;
/** Every way in that a message could try. */
const ATTACK = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script> [x](javascript:window.pwned=1)';

test('a wrong key is refused, the right one opens the console', async () => {
  await page.goto(wire.url);
  await page.fill('#key', 'not the key');
  await page.click('#login-button');
  await page.getByText('That key is not right.').waitFor();
  await page.fill('#key', server.key);
  await page.click('#login-button');
  await page.locator('#empty').waitFor();
  await page.reload();
  await page.locator('#empty').waitFor();
});

test('reasoning and text stream in', async () => {
  await enter();
  await say(ASK_FOR_SOME_SECONDS);
  const thinking = page.locator('.thinking.streaming .thinking-body');
  await thinking.waitFor();
  const early = (await thinking.textContent()).length;
  await page.waitForFunction((length) => document.querySelector('.thinking-body').textContent.length > length, early);
  await page.locator('.prose.streaming').waitFor();
  await finished(1);
  assert.equal(await page.locator('.thinking').evaluate((details) => details.open), false, 'reasoning folds when it is done');
});

test('an answer brings a tool card with arguments and result', async () => {
  await enter();
  await say(ASK_FOR_A_TOOL);
  const card = page.locator('.tool[data-status="ok"]').first();
  await card.waitFor();
  await finished(1);
  await card.locator('summary').click();
  await card.getByText('Arguments').waitFor();
  await card.getByText('Result').waitFor();
  assert.notEqual((await page.locator('.prose').last().textContent()).trim(), '');
  assert.match(await page.locator('.run-status').textContent(), /demo/);
  assert.equal(await page.locator('#demo').isVisible(), true, 'the demo model must say that it is one');
});

test('a reload shows the same transcript', async () => {
  await enter();
  await say(ASK_FOR_A_TOOL);
  await finished(1);
  await say('**bold** and `code`');
  await finished(2);
  const before = await transcript();
  await page.reload();
  await finished(2);
  assert.deepEqual(await transcript(), before);
});

test('stop ends a run at once', async () => {
  await enter();
  await say(ASK_FOR_LONG_WORK);
  await page.locator('#stop').waitFor();
  const asked = Date.now();
  await page.click('#stop');
  await page.getByText('Stopped', { exact: true }).waitFor();
  assert.ok(Date.now() - asked < 3_000, 'a stop is answered within a second, and shown soon after');
  await page.locator('#stop').waitFor({ state: 'hidden' });
  await say(ASK_FOR_A_TOOL);
  await finished(2);
});

test('sessions keep apart, and can be renamed and deleted', async () => {
  await enter();
  await say('first conversation');
  await finished(1);
  await page.keyboard.press('Control+k');
  await page.locator('#empty').waitFor();
  await say('second conversation');
  await finished(1);
  assert.equal(await page.locator('.bubble').count(), 1);
  const first = page.locator('.session', { hasText: 'first conversation' }).first();
  await first.locator('.session-link').click();
  await page.locator('.bubble', { hasText: 'first conversation' }).waitFor();
  assert.equal(await page.locator('.bubble').count(), 1);

  await first.hover();
  await first.locator('.session-menu').click();
  await page.getByRole('menuitem', { name: 'Rename' }).click();
  await page.keyboard.type('renamed conversation');
  await page.keyboard.press('Enter');
  await page.locator('#title', { hasText: 'renamed conversation' }).waitFor();
  await page.reload();
  const renamed = page.locator('.session', { hasText: 'renamed conversation' });
  await renamed.waitFor();

  await renamed.hover();
  await renamed.locator('.session-menu').click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await renamed.waitFor({ state: 'detached' });
  await page.locator('#empty').waitFor();
});

test('a search finds what was said', async () => {
  await enter();
  await say('the bicycle is red');
  await finished(1);
  await page.keyboard.press('Control+k');
  await page.locator('#empty').waitFor();
  await say('the tandem is blue');
  await finished(1);
  await page.fill('#search', 'bicyc');
  await page.locator('.session', { hasText: 'tandem' }).waitFor({ state: 'detached' });
  assert.equal(await page.locator('.session', { hasText: 'bicycle' }).count(), 1);
  await page.locator('.session-link', { hasText: 'bicycle' }).click();
  await page.locator('.bubble', { hasText: 'bicycle' }).waitFor();
  await page.fill('#search', 'unicycle');
  await page.getByText('Nothing mentions “unicycle”.').waitFor();
  await page.press('#search', 'Escape');
  await page.locator('.session', { hasText: 'tandem' }).waitFor();
  assert.match(await page.locator('.session').first().textContent(), /tandem/, 'the last used comes first');
});

test('a conversation goes on from an earlier message', async () => {
  await enter();
  await say('6 * 7');
  await finished(1);
  await say('say something wrong');
  await finished(2);
  const first = page.url();
  const wrong = page.locator('.user-row', { hasText: 'something wrong' });
  await wrong.hover();
  await wrong.getByRole('button', { name: 'Continue from here' }).click();
  await page.locator('#title', { hasText: '6 * 7 (continued)' }).waitFor();
  await finished(1);
  assert.notEqual(page.url(), first);
  assert.equal(await page.inputValue('#message'), 'say something wrong');
  await page.fill('#message', '6 * 8');
  await page.press('#message', 'Enter');
  await finished(2);
  assert.equal(await page.locator('.bubble').count(), 2);
  await page.goto(first);
  await page.locator('.bubble', { hasText: 'something wrong' }).waitFor();
});

test('a message during a run is added, asked next, or asked instead', async () => {
  await enter();
  await say(ASK_FOR_LONG_WORK);
  await page.locator('#mode').waitFor();
  assert.equal((await page.locator('#mode').textContent()).trim(), 'Add to this task');
  await chooseMode('Ask next');
  await say('2 * 4');
  await page.getByText('Waiting for its turn').waitFor();
  await chooseMode('Ask instead');
  await say('3 * 5');
  await page.getByText('Stopped', { exact: true }).waitFor();
  await finished(3);
  await page.locator('#mode').waitFor({ state: 'hidden' });
  assert.match(await page.locator('.transcript').textContent(), /3 \* 5 = 15/);
  assert.equal(await page.getByRole('button', { name: 'Continue from here' }).count(), 1, 'not from within a run');
});

test('a conversation is made shorter for the model, and stays whole for people', async () => {
  await enter();
  for (const [index, word] of ['one', 'two', 'three'].entries()) {
    await say(`remember ${`${word} `.repeat(300)}`);
    await finished(index + 1);
  }
  await page.click('#title-menu');
  await page.getByRole('menuitem', { name: 'Make shorter' }).click();
  await page.getByLabel('What the summary should keep').fill('the order');
  await page.getByRole('button', { name: 'Make shorter' }).click();
  const note = page.locator('.compaction');
  await note.getByText(/Earlier messages were summarised: [\d.]+k → [\d.]+k tokens/).waitFor();
  assert.equal(await note.locator('.compaction-body').isVisible(), false);
  await note.locator('summary').click();
  await note.getByText('The user said:').waitFor();
  assert.equal(await page.locator('.bubble').count(), 3);
  assert.equal(await page.locator('#mode').isVisible(), false, 'nothing is going on');
  await say('6 * 7');
  await finished(4);
  await page.reload();
  await finished(4);
  const order = await page.locator('.transcript > *').evaluateAll((elements) => elements.map((element) => element.className));
  assert.deepEqual(order.map((name) => name.split(' ')[0]), ['run', 'run', 'run', 'compaction-entry', 'run']);
});

test('a call that waits is a card, and runs once it is allowed', async () => {
  const rule = await callApi('POST', '/api/approvals/rules', { action: 'ask', pattern: { tool: 'time' } });
  try {
    await enter();
    await say(ASK_FOR_A_TOOL);
    const card = page.locator('.approval');
    await card.getByText('Allow time?').waitFor();
    const inbox = page.locator('#inbox');
    await inbox.waitFor();
    assert.equal(await inbox.getAttribute('aria-label'), 'One request waits for you');
    await card.getByRole('button', { name: 'Allow once' }).click();
    await card.getByText('Approved by owner via console').waitFor();
    await finished(1);
    assert.equal(await page.locator('.tool[data-status="ok"]').count(), 1);
    await inbox.waitFor({ state: 'hidden' });
  } finally {
    await callApi('DELETE', `/api/approvals/rules/${rule.id}`);
  }
});

test('a question is answered with a choice, or in words', async () => {
  await enter();
  await say('call ask_user {"question": "Which colour?", "choices": ["red", "blue"]}');
  const first = page.locator('.approval').first();
  await first.getByText('Which colour?').waitFor();
  await first.getByRole('button', { name: 'blue' }).click();
  await first.getByText('Answered “blue” by owner via console').waitFor();
  await finished(1);
  await say('call ask_user {"question": "What is your name?"}');
  const second = page.locator('.approval').nth(1);
  await second.locator('textarea').fill('Ann');
  await second.getByRole('button', { name: 'Answer' }).click();
  await second.getByText('Answered “Ann” by owner via console').waitFor();
  await finished(2);
});

test('what an MCP server asks is a form, and a page is offered and not opened', async () => {
  const command = join(process.env.NODE_PATH, '.bin', 'mcp-server-everything');
  await callApi('POST', '/api/mcp/servers', { name: 'asking', command, args: ['stdio'] });
  try {
    await enter();
    await page.waitForFunction(async () => {
      const shown = await (await fetch('/api/mcp/servers/asking')).json();
      return shown.tools?.length > 0;
    });
    await say('call the tool tool_search {"query": "elicitation"}');
    await finished(1);
    await say('call mcp__asking__trigger-elicitation-request {}');
    const form = page.locator('.approval').first();
    await form.getByText('The MCP server "asking" asks:').waitFor();
    await form.getByRole('button', { name: 'Answer' }).click();
    assert.equal(await form.locator('form').evaluate((element) => element.checkValidity()), false, 'the name is missing');
    await form.getByLabel('String', { exact: true }).fill('Ann Lee');
    await form.getByLabel('Trout').check();
    await form.getByRole('button', { name: 'Answer' }).click();
    await form.getByText('by owner via console').waitFor();
    await finished(2);
    const told = await page.locator('.run').nth(1).textContent();
    for (const part of ['Name: Ann Lee', 'fish-3', 'Favorite Integer: 42']) assert.ok(told.includes(part), `${part}: ${told}`);
    await say('call mcp__asking__trigger-url-elicitation {"url": "https://example.org/login?a=b"}');
    const offer = page.locator('.approval').nth(1);
    const link = offer.getByRole('link', { name: 'https://example.org/login?a=b' });
    assert.equal(await link.getAttribute('rel'), 'noopener noreferrer');
    await offer.getByText('example.org', { exact: true }).waitFor();
    await offer.getByRole('button', { name: 'done' }).click();
    await finished(3);
    assert.equal(page.context().pages().length, 1, 'nothing was opened');
  } finally {
    await callApi('DELETE', '/api/mcp/servers/asking');
  }
});

test('what is written stays text', async () => {
  await enter();
  await say(ATTACK);
  await finished(1);
  assert.ok((await page.locator('.bubble').textContent()).includes(ATTACK));
  await page.reload();
  await finished(1);
  assert.equal(await page.evaluate(() => window.pwned), undefined);
  assert.equal(await page.locator('.transcript :is(img, script, iframe)').count(), 0);
  assert.equal(await page.locator('.transcript a:not([href^="http"])').count(), 0);
});

test('markdown that streams in reads like markdown that is whole', async () => {
  await page.goto(wire.url);
  const differing = await page.evaluate(async (pieces) => {
    const { MarkdownStream, renderMarkdown } = await import('./markdown.js');
    const whole = document.createElement('div');
    const random = (below) => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed % below; };
    let seed = 42;
    for (let round = 0; round < 500; round += 1) {
      const text = Array.from({ length: 5 + random(40) }, () => pieces[random(pieces.length)]).join('');
      whole.replaceChildren();
      renderMarkdown(whole, text);
      const streamed = document.createElement('div');
      const stream = new MarkdownStream(streamed);
      for (let end = 0; end < text.length;) stream.update(text.slice(0, end += 1 + random(4)));
      if (!streamed.isEqualNode(whole)) return text;
    }
    return null;
  }, ['**', '*', '_', '`', '```', '\n', '\n\n', '- ', '1. ', '  ', '> ', '| a | b |\n', '|---|---|\n', '# ', '[a](http://x.y)', '[', '](',
    'http://a.b/c', '~~', 'text', 'word ', '\\', '<b>', '[x] ', '---']);
  assert.equal(differing, null);
});

test('a lost connection is resumed without gap or repeat', async () => {
  await enter();
  await say(ASK_FOR_SOME_SECONDS);
  await page.locator('.thinking.streaming').waitFor();
  wire.cut();
  await page.locator('#connection').waitFor();
  wire.mend();
  await page.locator('#connection').waitFor({ state: 'hidden' });
  await finished(1);
  const shown = await transcript();
  await page.reload();
  await finished(1);
  assert.deepEqual(await transcript(), shown);
});

test('a session that ended elsewhere leads to the login screen', async () => {
  await enter();
  await page.fill('#message', 'anybody there?');
  await page.context().clearCookies();
  // The inbox may be the first to ask, and to learn it.
  await page.evaluate(() => document.getElementById('composer').requestSubmit());
  await page.locator('#key').waitFor();
});

test('a narrow screen has no sideways scrolling and a drawer', async () => {
  await enter();
  await page.setViewportSize({ width: 360, height: 700 });
  await say(ASK_FOR_A_TOOL);
  await finished(1);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= 360);
  await page.click('#drawer-open');
  await page.locator('#new-chat').click();
  await page.locator('#empty').waitFor();
});

async function chooseMode(label) {
  await page.click('#mode');
  await page.getByRole('menuitemradio', { name: label }).click();
}
