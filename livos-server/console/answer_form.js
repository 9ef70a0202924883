// The form of an answer that a JSON Schema describes: an object of plain values, as MCP servers ask for it.

import { h } from './dom.js';
import { codeBlock } from './markdown.js';

const INPUTS = { email: 'email', uri: 'url', date: 'date', 'date-time': 'datetime-local' };

/**
 * The form of an answer: its `element`, and `read()`, which gives the answer. A schema that is more than an
 * object of plain values is answered in JSON.
 */
export function answerForm(schema, label) {
  const required = new Set(schema.required ?? []);
  const properties = Object.entries(schema.properties ?? {});
  const fields = properties.map(([name, property]) => fieldOf(name, property ?? {}, required.has(name)));
  const plain = schema.type === 'object' && fields.every(Boolean)
    && [...required].every((name) => name in (schema.properties ?? {}));
  if (!plain) return jsonForm(schema, label);
  const read = () => {
    const answers = fields.map((field) => [field.name, field.read()]);
    return Object.fromEntries(answers.filter(([, value]) => value !== undefined));
  };
  return { element: h('div', { className: 'answer-fields' }, fields.map((field) => field.element)), read };
}

function jsonForm(schema, label) {
  const box = h('textarea', {
    className: 'field approval-answer', rows: 4, required: true, 'aria-label': label, placeholder: 'An answer as JSON',
  });
  const read = () => {
    try {
      return JSON.parse(box.value);
    } catch (error) {
      throw new Error(`That is no JSON. ${error.message}`);
    }
  };
  return { element: [codeBlock(JSON.stringify(schema, null, 2), 'json'), box], read };
}

/** One field: its `name`, its `element`, and `read()`; nothing for what is no plain value. */
function fieldOf(name, property, required) {
  const field = { name, title: property.title ?? name, about: property.description, required };
  if (property.type === 'array') {
    const choices = choicesOf(property.items ?? {});
    return choices && severalOf(field, choices, property);
  }
  const choices = choicesOf(property);
  if (choices) return oneOf(field, choices, property.default);
  if (property.type === 'boolean') return yesOrNo(field, property.default);
  if (property.type === 'string') return words(field, property);
  if (property.type === 'number' || property.type === 'integer') return amount(field, property);
  return undefined;
}

/** `[value, title]` of each choice, in the forms in which the protocol writes them. */
function choicesOf({ enum: values, enumNames: names, oneOf: one, anyOf: any }) {
  const titled = one ?? any;
  const choices = titled ? titled.map((it) => [it.const, it.title ?? it.const])
    : values?.map((value, index) => [value, names?.[index] ?? value]);
  return choices?.every(([value]) => typeof value === 'string') ? choices : undefined;
}

function words(field, { format, minLength, maxLength, default: preset }) {
  const input = h('input', {
    className: 'field', type: INPUTS[format] ?? 'text', required: field.required, value: preset,
    minLength, maxLength, step: format === 'date-time' ? 'any' : undefined,
  });
  if (format === 'date-time' && preset) input.value = localMoment(preset);
  const read = () => {
    if (input.value === '' && !field.required) return undefined;
    return format === 'date-time' ? new Date(input.value).toISOString() : input.value;
  };
  return { name: field.name, element: labelled(field, input), read };
}

function localMoment(text) {
  const moment = new Date(text);
  return Number.isNaN(moment.valueOf()) ? ''
    : new Date(moment.valueOf() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function amount(field, { type, minimum, maximum, default: preset }) {
  const input = h('input', {
    className: 'field', type: 'number', required: field.required, step: type === 'integer' ? '1' : 'any',
    min: minimum, max: maximum, value: preset,
  });
  return { name: field.name, element: labelled(field, input), read: () => (input.value === '' ? undefined : input.valueAsNumber) };
}

function yesOrNo(field, preset) {
  const box = h('input', { type: 'checkbox', checked: preset === true });
  const element = h('div', { className: 'answer-field' },
    h('label', { className: 'answer-choice' }, box, h('span', {}, field.title)), about(field));
  return { name: field.name, element, read: () => box.checked };
}

function oneOf(field, choices, preset) {
  const select = h('select', { className: 'field', required: field.required },
    h('option', { value: '' }, field.required ? 'Choose…' : 'No answer'),
    choices.map(([value, title], index) => h('option', { value: String(index), selected: value === preset }, title)));
  const read = () => (select.value === '' ? undefined : choices[Number(select.value)][0]);
  return { name: field.name, element: labelled(field, select), read };
}

function severalOf(field, choices, { default: preset = [], minItems, maxItems }) {
  const boxes = choices.map(([value]) => h('input', { type: 'checkbox', checked: preset.includes(value) }));
  const check = () => {
    const count = boxes.filter((box) => box.checked).length;
    const few = minItems && count < minItems && (field.required || count > 0);
    const fault = few ? `Choose at least ${minItems}.` : maxItems && count > maxItems ? `Choose at most ${maxItems}.` : '';
    boxes[0]?.setCustomValidity(fault);
  };
  const element = h('fieldset', { className: 'answer-field', onchange: check },
    h('legend', {}, field.title), about(field),
    choices.map(([, title], index) => h('label', { className: 'answer-choice' }, boxes[index], h('span', {}, title))));
  check();
  const read = () => {
    const chosen = choices.filter((_, index) => boxes[index].checked).map(([value]) => value);
    return chosen.length || field.required ? chosen : undefined;
  };
  return { name: field.name, element, read };
}

function labelled(field, input) {
  return h('label', { className: 'answer-field' },
    h('span', {}, field.title, field.required ? '' : h('span', { className: 'note' }, ' (optional)')), input, about(field));
}

function about(field) {
  return field.about ? h('span', { className: 'note' }, field.about) : '';
}
