/** Metrics of what the Manager does: the state of each version, and how long loads took. */
import type { PrometheusText } from '../metrics/metrics.js';
import { formatManagerState, ManagerState, type ServableState } from './servable-state.js';

interface VersionMetrics {
  readonly model: string;
  readonly version: string;
  state: ManagerState;
  loadBeganMillis: number;
  /** Of the last load; undefined until one has succeeded. */
  loadSeconds?: number;
}

export class ModelMetrics {
  readonly #versions = new Map<string, VersionMetrics>();
  /** Finished loads by model and outcome. */
  readonly #loads = new Map<string, { readonly model: string; readonly status: string; count: number }>();
  readonly #now: () => number;

  /** `now` in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** For ManagerOptions.onStateChange. */
  onStateChange({ id, state, error }: ServableState): void {
    const version = this.#version(id.name, String(id.version));
    if (state === ManagerState.LOADING) version.loadBeganMillis = this.#now();
    if (state === ManagerState.AVAILABLE) {
      version.loadSeconds = (this.#now() - version.loadBeganMillis) / 1000;
      this.#countLoad(id.name, 'success');
    }
    if (error !== undefined && version.state === ManagerState.LOADING) this.#countLoad(id.name, 'failure');
    version.state = state;
    // What ended well is forgotten, or versions would pile up for as long as the server runs.
    if (state === ManagerState.END && error === undefined) this.#versions.delete(keyOf(id.name, String(id.version)));
  }

  write(text: PrometheusText): void {
    const versions = [...this.#versions.values()];
    text.family('tensorgate_model_state', 'gauge');
    for (const { model, version, state } of versions)
      text.sample('tensorgate_model_state', { model, version, state: formatManagerState(state) }, 1);
    text.family('tensorgate_model_load_seconds', 'gauge');
    for (const { model, version, loadSeconds } of versions) {
      if (loadSeconds !== undefined) text.sample('tensorgate_model_load_seconds', { model, version }, loadSeconds);
    }
    text.family('tensorgate_model_loads_total', 'counter');
    for (const { model, status, count } of this.#loads.values())
      text.sample('tensorgate_model_loads_total', { model, status }, count);
  }

  #version(model: string, version: string): VersionMetrics {
    const key = keyOf(model, version);
    const known = this.#versions.get(key) ?? {
      model,
      version,
      state: ManagerState.START,
      loadBeganMillis: this.#now(),
    };
    this.#versions.set(key, known);
    return known;
  }

  #countLoad(model: string, status: string): void {
    const key = keyOf(model, status);
    const loads = this.#loads.get(key) ?? { model, status, count: 0 };
    loads.count += 1;
    this.#loads.set(key, loads);
  }
}

function keyOf(model: string, rest: string): string {
  return JSON.stringify([model, rest]);
}
