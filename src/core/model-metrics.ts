/** Metrics of what the Manager does: the state of each version, and how long loads took. */
import type { PrometheusText } from '../metrics/metrics.js';
import type { ServableId } from './servable-id.js';
import { formatManagerState, ManagerState, type ServableState } from './servable-state.js';

/** While a version moves there are two of its number, one for each place. */
interface VersionMetrics {
  readonly model: string;
  readonly version: string;
  readonly place: string;
  state: ManagerState;
  loadBeganMillis: number;
  /** Of the last load; undefined until one has succeeded. */
  loadSeconds?: number;
}

/** Of two versions of one number, the metrics tell the one whose state comes first here. */
const MOST_TELLING: readonly ManagerState[] = [
  ManagerState.AVAILABLE,
  ManagerState.UNLOADING,
  ManagerState.LOADING,
  ManagerState.START,
  ManagerState.END,
];

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
  onStateChange({ id, state, error }: ServableState, { place }: { readonly place: string } = { place: '' }): void {
    if (state === ManagerState.START) this.#forgetEnded(id);
    const version = this.#version(id, place);
    if (state === ManagerState.LOADING) version.loadBeganMillis = this.#now();
    if (state === ManagerState.AVAILABLE) {
      version.loadSeconds = (this.#now() - version.loadBeganMillis) / 1000;
      this.#countLoad(id.name, 'success');
    }
    if (error !== undefined && version.state === ManagerState.LOADING) this.#countLoad(id.name, 'failure');
    version.state = state;
    // What ended well is forgotten, or versions would pile up for as long as the server runs.
    if (state === ManagerState.END && error === undefined) this.#versions.delete(versionKey(id, place));
  }

  /** What failed to load is told until its number is begun anew, at whatever place. */
  #forgetEnded({ name, version }: ServableId): void {
    for (const [key, ended] of this.#versions) {
      if (ended.state === ManagerState.END && ended.model === name && ended.version === String(version))
        this.#versions.delete(key);
    }
  }

  write(text: PrometheusText): void {
    const versions = this.#oneOfEachNumber();
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

  #oneOfEachNumber(): VersionMetrics[] {
    const told = new Map<string, VersionMetrics>();
    const rank = ({ state }: VersionMetrics) => MOST_TELLING.indexOf(state);
    for (const each of this.#versions.values()) {
      const key = keyOf(each.model, each.version);
      const other = told.get(key);
      if (other === undefined || rank(each) < rank(other)) told.set(key, each);
    }
    return [...told.values()];
  }

  #version(id: ServableId, place: string): VersionMetrics {
    const key = versionKey(id, place);
    const known = this.#versions.get(key) ?? {
      model: id.name,
      version: String(id.version),
      place,
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

function versionKey({ name, version }: ServableId, place: string): string {
  return keyOf(name, String(version), place);
}

function keyOf(...parts: readonly string[]): string {
  return JSON.stringify(parts);
}
