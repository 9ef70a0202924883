// Forms from JSON Schema: those of the pages, and those that tools and MCP servers ask with.
//
// What a schema can say: objects of texts, numbers, yes or no, one or some of a list. `x-lines` (ours) makes a
// text as high as so many lines, `x-hint` is an example in the empty field, `x-secret` hides what is typed.

import { h } from './dom.js';

/** Texts that may be longer than this are written in a box. */
const LONG_TEXT = 500;

let count = 0;

/** Whether a person can fill a form in for this schema; else they have to write JSON. */
export function isSimple(schema) {
  const properties = Object.values(schema?.properties ?? {});
  const isWhole = (schema?.required ?? []).every((name) => Object.hasOwn(schema.properties ?? {}, name));
  return schema?.type === 'object' && isWhole && properties.length > 0 && properties.every((one) => kindOf(plain(one)) !== 'json');
}

/** The fields of an object: `element`, `read()`, `refuse(problems)`, `showBy(name, parts)`. */
export class SchemaForm {
  element = h('div', { className: 'form-fields' });
  #fields = new Map();

  /** `value`: what stands in the fields at first. */
  constructor(schema, value = {}) {
    const required = new Set(schema.required ?? []);
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      const field = makeField(name, plain(property), required.has(name), value?.[name] ?? property.default);
      this.#fields.set(name, field);
      this.element.append(field.element);
    }
  }

  /** The object, without what was left empty; nothing when a field is wrong, which is then said and shown. */
  read() {
    const value = {};
    let wrong = null;
    for (const [name, field] of this.#fields) {
      if (field.element.hidden) continue;
      const { problem = '', value: one } = field.read();
      field.say(problem);
      if (problem) wrong ??= field;
      else if (one !== undefined) value[name] = one;
    }
    wrong?.focus();
    return wrong ? undefined : value;
  }

  /** Shows what the server says of fields, `{field, message}` each; answers whether all of them are here. */
  refuse(problems) {
    const unknown = problems.filter(({ field: path, message }) => {
      const [name, ...rest] = path.split(/[.[]/);
      const field = this.#fields.get(name);
      if (!field) return true;
      if (rest.length && field.refuse) return !field.refuse([{ field: rest.join('.'), message }]);
      field.say(sentence(message));
      field.focus();
      return false;
    });
    return unknown.length === 0 && problems.length > 0;
  }

  focus() {
    this.#fields.values().next().value?.focus();
  }

  /** Shows of some fields only those that the choice made in another asks for: `parts` are their names, choice by choice. */
  showBy(name, parts) {
    const { control } = this.#fields.get(name);
    const show = () => parts.forEach((fields, at) => {
      for (const field of fields) this.#fields.get(field).element.hidden = at !== control.selectedIndex;
    });
    control.addEventListener('change', show);
    show();
  }
}

/** What a schema comes to when “or nothing” is taken away: that is a field left empty. */
function plain(schema) {
  const { anyOf, type, ...rest } = schema;
  const some = anyOf?.filter((one) => one.type !== 'null');
  if (some?.length === 1) return plain({ ...rest, ...some[0] });
  if (Array.isArray(type)) {
    const types = type.filter((one) => one !== 'null');
    return types.length === 1 ? { ...schema, type: types[0] } : { ...schema, type: undefined };
  }
  return schema;
}

/** The choices of a schema as `[value, title]` pairs. */
function choicesOf({ enum: values, enumNames: names, oneOf, anyOf }) {
  const titled = oneOf ?? anyOf;
  if (titled?.every((one) => one.const !== undefined)) return titled.map((one) => [one.const, one.title ?? String(one.const)]);
  return values?.map((value, index) => [value, names?.[index] ?? String(value)]);
}

function kindOf(schema) {
  if (choicesOf(schema)) return 'choice';
  const { type, items, properties } = schema;
  if (type === 'array') {
    if (items && choicesOf(items)) return 'choices';
    return items?.type === 'string' ? 'lines' : 'json';
  }
  if (type === 'object') return properties ? 'object' : 'json';
  return { string: 'text', number: 'number', integer: 'number', boolean: 'boolean' }[type] ?? 'json';
}

const MAKERS = {
  text: textField, number: numberField, boolean: booleanField, choice: choiceField, choices: choicesField, lines: linesField,
  object: objectField, json: jsonField,
};

function makeField(name, schema, required, value) {
  return MAKERS[kindOf(schema)](new Labels(name, schema, required), schema, value);
}

/** What stands around a control: label, description, and what is wrong. */
class Labels {
  constructor(name, { title, description, 'x-hint': hint }, required) {
    this.id = `field-${count += 1}`;
    this.required = required;
    this.hint = hint;
    this.title = title ?? sentenceCase(name);
    this.label = [this.title, !required && h('span', { className: 'optional' }, ' optional')];
    this.about = description && h('p', { className: 'field-about', id: `${this.id}-about` }, description);
    this.problem = h('p', { className: 'field-problem', id: `${this.id}-problem`, hidden: true });
  }

  /** A control with its label above it. */
  around(control, read) {
    this.describe(control);
    // For who reads the form by other means; what is said of an empty field is said by `read`.
    control.required = this.required;
    return this.#field(control, read,
      h('div', { className: 'form-field' }, h('label', { htmlFor: this.id }, this.label), this.about, control, this.problem));
  }

  /** Controls that are one field together. */
  group(controls, read, className = '') {
    const element = h('fieldset', { className: `form-field ${className}` }, h('legend', {}, this.label), this.about, controls, this.problem);
    element.setAttribute('aria-describedby', `${this.id}-about ${this.id}-problem`);
    return this.#field(element.querySelector('input, select, textarea') ?? element, read, element);
  }

  /** A control with its label beside it. */
  beside(control, read) {
    this.describe(control);
    return this.#field(control, read, h('div', { className: 'form-field' },
      h('label', { className: 'check' }, control, h('span', {}, this.title)), this.about, this.problem));
  }

  describe(control) {
    control.id = this.id;
    control.setAttribute('aria-describedby', `${this.id}-about ${this.id}-problem`);
    control.addEventListener('input', () => this.#say(control, ''));
  }

  #field(control, read, element) {
    return { element, control, read, say: (text) => this.#say(control, text), focus: () => control.focus() };
  }

  #say(control, text) {
    this.problem.textContent = text;
    this.problem.hidden = !text;
    if (text) control.setAttribute('aria-invalid', 'true');
    else control.removeAttribute('aria-invalid');
  }

  /** What an empty field means. */
  empty() {
    return this.required ? { problem: 'This is needed.' } : {};
  }
}

const TYPES = { email: 'email', uri: 'url', date: 'date', 'date-time': 'datetime-local' };

function textField(labels, schema, value) {
  const { maxLength, format, 'x-lines': lines } = schema;
  const long = lines || maxLength > LONG_TEXT;
  const start = format === 'date-time' && value ? localTime(value) : value ?? '';
  const props = { value: start, placeholder: labels.hint, autocomplete: 'off' };
  const control = long
    ? h('textarea', { ...props, className: 'field', rows: lines ?? 4 })
    : h('input', { ...props, className: 'field', type: schema['x-secret'] ? 'password' : TYPES[format] ?? 'text' });
  return labels.around(control, () => {
    if (control.validity.badInput || control.validity.typeMismatch) return { problem: control.validationMessage };
    const text = long ? control.value : control.value.trim();
    if (!text.trim()) return labels.empty();
    return { problem: textProblem(text, schema), value: format === 'date-time' ? new Date(text).toISOString() : text };
  });
}

// A pattern that a stranger wrote may take for ever, so only those of the pages (as `RegExp`) are tried; the server tries the others.
function textProblem(text, { minLength = 0, maxLength = Infinity, pattern, 'x-pattern-says': says }) {
  const length = [...text].length;
  if (length < minLength) return `At least ${minLength} characters are needed.`;
  if (length > maxLength) return `It has ${length.toLocaleString('en')} characters, and may have ${maxLength.toLocaleString('en')}.`;
  if (pattern instanceof RegExp && !pattern.test(text)) return says;
  return '';
}

function numberField(labels, schema, value) {
  const { type, minimum = -Infinity, maximum = Infinity } = schema;
  const control = h('input', { className: 'field', inputMode: 'decimal', value: value ?? '', placeholder: labels.hint, autocomplete: 'off' });
  return labels.around(control, () => {
    const text = control.value.trim();
    if (!text) return labels.empty();
    const number = Number(text);
    if (!Number.isFinite(number)) return { problem: 'This is no number.' };
    if (type === 'integer' && !Number.isInteger(number)) return { problem: 'Only whole numbers are possible.' };
    if (number < minimum || number > maximum) return { problem: range(minimum, maximum) };
    return { value: number };
  });
}

function range(minimum, maximum) {
  const [low, high] = [minimum, maximum].map((limit) => limit.toLocaleString('en'));
  if (maximum === Infinity) return `It must be at least ${low}.`;
  if (minimum === -Infinity) return `It must be at most ${high}.`;
  return `It must be from ${low} to ${high}.`;
}

function booleanField(labels, schema, value) {
  const control = h('input', { type: 'checkbox', checked: Boolean(value) });
  return labels.beside(control, () => ({ value: control.checked }));
}

function choiceField(labels, schema, value) {
  const choices = choicesOf(schema);
  const at = choices.findIndex(([one]) => one === value);
  const nothing = (at < 0 || !labels.required) && h('option', { value: '' }, labels.required ? 'Choose …' : labels.hint ?? '—');
  const control = h('select', { className: 'field' },
    nothing, choices.map(([, title], index) => h('option', { value: String(index), selected: index === at }, title)));
  return labels.around(control, () => (control.value === '' ? labels.empty() : { value: choices[Number(control.value)][0] }));
}

function choicesField(labels, { items, minItems = 0, maxItems = Infinity }, value = []) {
  const boxes = choicesOf(items).map(([one, title]) => {
    const box = h('input', { type: 'checkbox', checked: value.includes(one) });
    return { one, box, label: h('label', { className: 'check' }, box, h('span', {}, title)) };
  });
  return labels.group(h('div', { className: 'checks' }, boxes.map(({ label }) => label)), () => {
    const chosen = boxes.filter(({ box }) => box.checked).map(({ one }) => one);
    if (!chosen.length && !labels.required) return {};
    if (chosen.length < minItems || chosen.length > maxItems) return { problem: `Choose ${countOf(minItems, maxItems)}.` };
    return { value: chosen };
  });
}

const countOf = (least, most) => (most === Infinity ? `at least ${least}` : least === most ? `${least}` : `${least} to ${most}`);

function linesField(labels, { items, minItems = 0, maxItems = Infinity, 'x-lines': rows = 3 }, value = []) {
  const control = h('textarea', { className: 'field', rows, value: value.join('\n'), placeholder: labels.hint ?? 'One a line' });
  return labels.around(control, () => {
    const lines = control.value.split('\n').map((line) => line.trim()).filter(Boolean);
    if (!lines.length && !minItems) return labels.empty();
    if (lines.length < minItems || lines.length > maxItems) return { problem: `${countOf(minItems, maxItems)} lines are needed.` };
    const problem = lines.map((line) => textProblem(line, items)).find(Boolean);
    return { problem, value: lines };
  });
}

function objectField(labels, schema, value) {
  const form = new SchemaForm(schema, value);
  const field = labels.group(form.element, () => {
    const read = form.read();
    if (read === undefined) return { problem: 'See above.' };
    return Object.keys(read).length || labels.required ? { value: read } : {};
  }, 'form-group');
  return { ...field, focus: () => {}, refuse: (problems) => form.refuse(problems) };
}

function jsonField(labels, schema, value) {
  const control = h('textarea', {
    className: 'field mono', rows: 4, spellcheck: false, placeholder: 'JSON', value: value === undefined ? '' : JSON.stringify(value, null, 2),
  });
  return labels.around(control, () => (control.value.trim() ? parsed(control.value) : labels.empty()));
}

/** A text as JSON: `{value}` or `{problem}`. */
export function parsed(text) {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { problem: `This is no JSON. ${error.message}` };
  }
}

/** A time as the field for it wants it: of this place, to the minute. */
function localTime(timestamp) {
  const time = new Date(timestamp);
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

const sentenceCase = (name) => {
  const words = name.replace(/([a-z])([A-Z])/g, '$1 $2').replace(/[_-]+/g, ' ').toLowerCase();
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}`;
};
