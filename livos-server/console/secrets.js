// Sealed secrets: their names, and new values for them. No value is ever shown.

import { confirm, fillIn } from './dialog.js';
import { h, toast } from './dom.js';
import { age } from './format.js';
import { act, lead, Listing, makeButton, nothing, row } from './listing.js';
import { secrets } from './resources.js';

/** The page. */
export function open(page) {
  const list = new Listing({
    label: 'Secrets',
    load: async () => {
      const { items } = await secrets.list();
      return { items: items.map((secret) => ({ id: secret.name, ...secret })) };
    },
    row: (secret) => secretRow(secret, refresh),
    none: () => nothing('key', 'No secret is sealed', 'Keys of providers, search services and MCP servers can be kept here instead of in the environment.', adding()),
  });
  const refresh = () => list.refresh();
  const adding = () => makeButton('Set a secret', () => set('', refresh));
  page.host.replaceChildren(
    lead('Kept encrypted and never shown, not even to you. A provider’s key is used from the next start on.', adding()),
    list.element);
  page.keep(refresh, 30_000);
}

function secretRow({ name, changed_at: changed, shadowed }, refresh) {
  return row({
    title: h('code', {}, name),
    facts: [`set ${age(changed)}`, shadowed && 'the environment has a variable of this name, which is used instead'],
    actions: [
      act('Set anew', 'pencil', name, () => set(name, refresh)),
      act('Remove', 'trash', name, async () => {
        const text = `What uses ${name} has to do without it. Its value cannot be brought back.`;
        if (!await confirm({ title: 'Remove this secret?', text, action: 'Remove' })) return;
        await secrets.remove(name);
        await refresh();
      }),
    ],
  });
}

async function set(name, refresh) {
  const named = { name: { type: 'string', title: 'Name', maxLength: 128, 'x-hint': 'ANTHROPIC_API_KEY' } };
  const done = await fillIn({
    title: name ? `A new value for ${name}` : 'Set a secret', action: 'Seal',
    schema: {
      properties: { ...!name && named, value: { type: 'string', title: 'Value', minLength: 8, 'x-secret': true } },
      required: ['name', 'value'],
    },
    submit: async ({ name: chosen = name, value }) => {
      await secrets.set(chosen, value);
      return chosen;
    },
  });
  if (!done) return;
  toast(`${done} is sealed.`, 'info');
  await refresh();
}
