// The choice of model for the next message.

import { listModels } from './api.js';
import { byId } from './dom.js';
import { icon } from './icons.js';
import { openMenu } from './menu.js';

const REMEMBERED = 'livos.model';

/** The button in the composer that opens the list of models. */
export class ModelPicker {
  #button = byId('model');
  #name = byId('model-name');
  #models = [];
  #chosen = null;
  #changed;

  constructor(changed) {
    this.#changed = changed;
    this.#button.prepend(icon('spark', 16));
    this.#button.append(icon('chevron', 16));
    this.#button.addEventListener('click', () => this.#open());
  }

  /** Reads the models that can be chosen. */
  async refresh() {
    this.#models = await listModels();
    const remembered = localStorage.getItem(REMEMBERED);
    if (this.#find(remembered)) this.#chosen = remembered;
    this.#show();
  }

  /** The model of the session that is shown becomes the choice, where it still exists. */
  follow(model) {
    if (!this.#find(model)) return;
    this.#chosen = model;
    this.#show();
  }

  /** What to send with a message: nothing while the server's own choice stands. */
  get chosen() {
    return this.#find(this.#chosen) ? this.#chosen : undefined;
  }

  /** The model that will answer, as far as it is known. */
  get effective() {
    return this.#find(this.#chosen) ?? this.#models.find((model) => model.isDefault) ?? this.#models[0];
  }

  /** Whether only the demo model can answer. */
  get demoOnly() {
    return this.#models.length > 0 && this.#models.every((model) => model.provider === 'demo');
  }

  #find(id) {
    return this.#models.find((model) => model.id === id);
  }

  #show() {
    const model = this.effective;
    this.#name.textContent = model ? model.model : 'No model';
    this.#button.title = model ? `Model: ${model.id}` : 'No model is set up';
    this.#button.setAttribute('aria-label', this.#button.title);
    this.#button.hidden = !model;
    this.#changed();
  }

  #open() {
    const items = [];
    let provider = null;
    for (const model of this.#models) {
      if (model.provider !== provider) items.push({ heading: model.provider });
      provider = model.provider;
      items.push({
        label: model.model, detail: model.isDefault ? 'Default' : '', checked: model === this.effective,
        action: () => this.#choose(model.id),
      });
    }
    openMenu(this.#button, items, 'Model');
  }

  #choose(id) {
    this.#chosen = id;
    localStorage.setItem(REMEMBERED, id);
    this.#show();
    this.#button.focus();
  }
}
