/** The replicas of a version: one for each of its devices, each with a session of its own. */
import type { RequestSource } from '../metrics/metrics.js';
import type { EncodeOutputs, PredictRequest } from '../tensor/predict-request.js';
import type { DeviceLoad } from '../workers/device-load.js';

export interface Replica {
  /** Of the device that it runs on; shared by all that run there. */
  readonly load: DeviceLoad;
  predict<T>(request: PredictRequest, encode: EncodeOutputs<T>, source: RequestSource): Promise<T>;
}

/** Hands each request to the replica whose device has the least to do; among equals, to each in its turn. */
export class Replicas {
  readonly #replicas: readonly Replica[];
  #next = 0;

  /** At least one. */
  constructor(replicas: readonly Replica[]) {
    this.#replicas = replicas;
  }

  predict<T>(request: PredictRequest, encode: EncodeOutputs<T>, source: RequestSource): Promise<T> {
    const { load, predict } = this.#leastLoaded();
    load.inFlight += 1;
    const done = () => {
      load.inFlight -= 1;
    };
    const answer = predict(request, encode, source);
    answer.then(done, done);
    return answer;
  }

  #leastLoaded(): Replica {
    const count = this.#replicas.length;
    let best = this.#next % count;
    for (let step = 1; step < count; step++) {
      const index = (this.#next + step) % count;
      if (this.#inFlight(index) < this.#inFlight(best)) best = index;
    }
    this.#next = best + 1;
    return this.#replicas[best] as Replica;
  }

  #inFlight(index: number): number {
    return (this.#replicas[index] as Replica).load.inFlight;
  }
}
