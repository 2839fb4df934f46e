/** Puts an XPlane together: names of events and stats stand in it once each (xplane.proto). */

import type { Init } from '../formats/protobuf.js';
import type { XEvent, XLine, XPlane, XStat } from '../gen/messages.js';

const PICOS_PER_NANO = 1000;
const NANOS_PER_MILLI = 1e6;

/** A span of time in nanoseconds since the profile began. */
export interface Span {
  readonly name: string;
  readonly beginNanos: number;
  readonly endNanos: number;
  readonly stats: Readonly<Record<string, number | string>>;
}

export class PlaneBuilder {
  readonly #name: string;
  readonly #startNanos: bigint;
  readonly #events = new Map<string, bigint>();
  readonly #stats = new Map<string, bigint>();
  readonly #lines: Init<XLine>[] = [];

  /** `startMillis`: since the epoch. */
  constructor(name: string, startMillis: number) {
    this.#name = name;
    this.#startNanos = BigInt(Math.round(startMillis * 1000)) * BigInt(NANOS_PER_MILLI / 1000);
  }

  /** Adds a timeline. Its spans lie inside each other or follow each other; any order. */
  addLine(name: string, spans: Span[]): void {
    // An outer one comes before those within it.
    spans.sort((a, b) => a.beginNanos - b.beginNanos || b.endNanos - a.endNanos);
    const events = spans.map((span) => this.#event(span));
    this.#lines.push({ id: BigInt(this.#lines.length + 1), name, timestamp_ns: this.#startNanos, events });
  }

  build(): Init<XPlane> {
    const metadata = (names: ReadonlyMap<string, bigint>) =>
      new Map([...names].map(([name, id]) => [id, { id, name }]));
    return {
      id: 1n,
      name: this.#name,
      lines: this.#lines,
      event_metadata: metadata(this.#events),
      stat_metadata: metadata(this.#stats),
    };
  }

  #event({ name, beginNanos, endNanos, stats }: Span): Init<XEvent> {
    return {
      metadata_id: idOf(this.#events, name),
      offset_ps: picos(beginNanos),
      duration_ps: picos(endNanos) - picos(beginNanos),
      stats: Object.entries(stats).map(([key, value]) => this.#stat(key, value)),
    };
  }

  #stat(name: string, value: number | string): Init<XStat> {
    const metadata_id = idOf(this.#stats, name);
    if (typeof value === 'string') return { metadata_id, str_value: value };
    return Number.isInteger(value) ? { metadata_id, int64_value: BigInt(value) } : { metadata_id, double_value: value };
  }
}

function idOf(ids: Map<string, bigint>, name: string): bigint {
  const known = ids.get(name);
  if (known !== undefined) return known;
  const id = BigInt(ids.size + 1);
  ids.set(name, id);
  return id;
}

function picos(nanos: number): bigint {
  return BigInt(Math.round(nanos * PICOS_PER_NANO));
}
