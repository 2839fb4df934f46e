/** ModelSpec on the wire (tensorflow_serving/apis/model.proto): which servable, and which of its signatures. */
import { invalidArgument } from '../../errors.js';
import type { ModelSpec as WireModelSpec } from '../../gen/messages.js';
import type { ModelSpec } from '../../tensor/predict-request.js';

/** What a ModelSpec message may hold; of version and versionLabel at most one. */
export interface ModelSpecFields {
  name: string;
  version: bigint | undefined;
  versionLabel: string | undefined;
}

/** The ModelSpec of a request. Throws INVALID_ARGUMENT, in TF Serving's words, if it is missing or names no model. */
export function toModelSpec(fields: ModelSpecFields | undefined): ModelSpec {
  if (fields === undefined) throw invalidArgument('Missing ModelSpec');
  const { name, version, versionLabel } = fields;
  if (name === '') throw invalidArgument('ModelSpec has no name specified.');
  if (version !== undefined) return { name, version };
  return versionLabel === undefined ? { name } : { name, versionLabel };
}

/** The same for a generated message. */
export function fromWireModelSpec(spec: WireModelSpec | undefined): ModelSpec {
  if (spec === undefined) return toModelSpec(undefined);
  return toModelSpec({ name: spec.name, version: spec.version?.value, versionLabel: spec.version_label });
}
